"""The form of a new hook. What is typed is shown back as what will run; what the daemon refuses is told beside it."""

import json
from typing import Any, ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Select, Static

from aimx import errors, limits
from aimx.errors import AimxError, Refused
from aimx.wire.frames import HookCreate
from aimx_tui import safe
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.hooks import argv, words
from aimx_tui.dash.working import later
from aimx_tui.tick import Tick

_EVENTS = ("on_receive", "after_send")
_UNTRUSTED = "⚠ Anybody can send such mail. Never do this for a hook that hands the mail to an agent."
_LITERAL = "Nothing is expanded: each word reaches the program as it stands here."


class NewHook(ModalScreen[str | None]):
    """The name of the hook that was made, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="hook.cancel", tooltip="Make no hook"),
        Binding("ctrl+s", "create", "Create", id="hook.create", tooltip="Make the hook"),
    ]

    def __init__(self, gateway: Gateway, mailboxes: list[str], chosen: str | None) -> None:
        super().__init__()
        self._gateway, self._mailboxes = gateway, mailboxes
        self._chosen = chosen if chosen in mailboxes else None

    def compose(self) -> ComposeResult:
        """A row per field, most of them one line high."""
        boxes = [(safe.text(name), name) for name in self._mailboxes]
        events = [(Text(words.event(name)), name) for name in _EVENTS]
        box: Any = self._chosen if self._chosen is not None else Select.NULL
        with Vertical(classes="dialog form"):
            yield Static(Text("New hook"), classes="dialog-title")
            with VerticalScroll(can_focus=False):
                yield from _row("Mailbox", Select(boxes, prompt="which one?", value=box, compact=True, id="mailbox"))
                yield from _row("Event", Select(events, value=_EVENTS[0], allow_blank=False, compact=True, id="event"))
                yield from _row(
                    "Command", Input(compact=True, placeholder="/usr/local/bin/program 'a word' …", id="cmd")
                )
                yield Static("", id="argv", classes="hint")
                yield from _row("Name", Input(compact=True, placeholder="derived from what it does", id="name"))
                default = str(limits.HOOK_TIMEOUT_DEFAULT_S)
                yield from _row("Seconds", Input(default, compact=True, type="integer", id="timeout"))
                yield Tick("fires for mail that is not trusted too", compact=True, id="untrusted")
                yield Static(Text(_UNTRUSTED), classes="warning", id="warning")
                yield Tick("not for mail that no person wrote", compact=True, id="people")
                yield Static("", classes="refusal", id="refusal")
            with Horizontal(classes="buttons"):
                yield Button(Text("Create"), id="create")
                yield Button(Text("Cancel"), id="cancel")

    def on_mount(self) -> None:
        """Where something is to be said first."""
        self.query_one("#warning").display = False
        self._show_words()
        self.query_one("#cmd" if self._chosen is not None else "#mailbox").focus()

    @on(Input.Changed, "#cmd")
    def _show_words(self) -> None:
        """What would run, literally."""
        try:
            shown = f"{words.command(argv.words(self.query_one('#cmd', Input).value))}  {_LITERAL}"
        except Refused as refused:
            shown = refused.reason
        self.query_one("#argv", Static).update(safe.text(shown))

    @on(Select.Changed, "#event")
    def _offer(self) -> None:
        """Both choices mean nothing after a send."""
        receives = self.query_one("#event", Select).value == _EVENTS[0]
        for name in ("untrusted", "people"):
            choice = self.query_one(f"#{name}", Tick)
            choice.disabled = not receives
            choice.value = choice.value and receives

    @on(Tick.Changed, "#untrusted")
    def _warn(self, changed: Tick.Changed) -> None:
        """In plain words."""
        self.query_one("#warning").display = changed.value

    def on_input_submitted(self) -> None:
        """Enter in a field is Create."""
        self.action_create()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """One of the two."""
        pressed.stop()
        if pressed.button.id == "create":
            self.action_create()
        else:
            self.dismiss(None)

    def action_create(self) -> None:
        """Ask the daemon, unless it is being asked."""
        try:
            request = self._request()
        except Refused as refused:
            self._refuse(refused.reason)
        else:
            self._refuse("")
            button = self.query_one("#create", Button)
            if not button.disabled:
                button.disabled = True
                self.run_worker(later(self._create, request), group="create")

    def _request(self) -> HookCreate:
        """Raises: Refused."""
        box = self.query_one("#mailbox", Select).value
        if not isinstance(box, str):
            raise Refused("choose the mailbox that it belongs to")
        body: dict[str, Any] = {
            "cmd": argv.words(self.query_one("#cmd", Input).value),
            "fire_on_untrusted": self.query_one("#untrusted", Tick).value,
            "type": "cmd",
        }
        typed = self.query_one("#timeout", Input).value.strip()
        if typed:
            body["timeout_secs"] = _seconds(typed)
        if self.query_one("#people", Tick).value:
            body["skip_automated"] = True
        name = self.query_one("#name", Input).value.strip() or None
        event = str(self.query_one("#event", Select).value)
        return HookCreate(box, event, json.dumps(body).encode(), name, "json")

    async def _create(self, request: HookCreate) -> None:
        try:
            made = await self._gateway.value(request)
        except AimxError as error:
            self._refuse(errors.told(error))
            self.query_one("#create", Button).disabled = False
        else:
            self.dismiss(str(made["effective_name"]))

    def _refuse(self, reason: str) -> None:
        self.query_one("#refusal", Static).update(safe.text(f"✗ {reason}" if reason else ""))


def _seconds(typed: str) -> int:
    if not (typed.isascii() and typed.isdecimal()) or len(typed) > len(str(limits.HOOK_TIMEOUT_MAX_S)):
        raise Refused(f"seconds: a number from 1 to {limits.HOOK_TIMEOUT_MAX_S}")
    return int(typed)


def _row(label: str, field: Select[str] | Input) -> ComposeResult:
    with Horizontal(classes="field"):
        yield Static(Text(label), classes="label")
        yield field
