"""Mailboxes made and deleted in the dashboard: names checked as they are typed, and nothing deleted unnamed."""

import asyncio
import os
import pwd
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from aimx.errors import AimxError, DaemonRefused, Refused, told
from aimx.policy import mailboxname
from aimx.wire.frames import MailboxCreate, MailboxDelete, MailboxShow
from aimx_tui import safe
from aimx_tui.dash.confirm import Confirm
from aimx_tui.dash.working import later

if TYPE_CHECKING:
    from aimx_tui.dash.app import Dashboard


class Wanted(NamedTuple):
    """A mailbox to make. `owner` None: the caller."""

    name: str
    owner: str | None


class Create(ModalScreen[Wanted | None]):
    """Its name, and for root its owner: by default the user of that name, as with `aimx mailboxes create`."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", id="create.back", tooltip="Make no mailbox"),
        Binding("down", "app.focus_next", "", show=False, id="create.down", tooltip="To the next field"),
        Binding("up", "app.focus_previous", "", show=False, id="create.up", tooltip="To the field before"),
    ]

    def __init__(self, domain: str, root: bool) -> None:
        super().__init__()
        self._domain, self._root = domain, root

    def compose(self) -> ComposeResult:
        """Name, owner, what is wrong, two buttons."""
        with Vertical(classes="dialog"):
            yield Static(Text("New mailbox"), classes="dialog-title")
            yield Input(placeholder="name: a-z 0-9 . _ -", id="name")
            if self._root:
                yield Input(placeholder="owner: the Linux user of that name", id="owner")
            yield Static("", id="about", classes="hint")
            with Horizontal(classes="buttons"):
                yield Button(Text("Create"), id="create", disabled=True)
                yield Button(Text("Cancel"), id="cancel")

    def on_mount(self) -> None:
        """Where to type."""
        self._look()

    def on_input_changed(self, _: Input.Changed) -> None:
        """Judged as it is typed."""
        self._look()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Enter goes on, and in the last field makes it."""
        if self._root and submitted.input.id == "name":
            self.focus_next()
        else:
            self.run_worker(later(self._take), group="take", exclusive=True)

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """One of the two."""
        pressed.stop()
        if pressed.button.id == "create":
            self.run_worker(later(self._take), group="take", exclusive=True)
        else:
            self.dismiss(None)

    async def _take(self) -> None:
        wanted = self._wanted()
        if not await asyncio.to_thread(_problem, wanted):
            self.dismiss(wanted)

    def _wanted(self) -> Wanted:
        if not self._root:
            return Wanted(self._typed("name"), None)
        return Wanted(self._typed("name"), self._typed("owner") or self._typed("name"))

    def _typed(self, field: str) -> str:
        return self.query_one(f"#{field}", Input).value.strip()

    def _look(self) -> None:
        self.run_worker(later(self._judge, self._wanted()), group="look", exclusive=True)

    async def _judge(self, wanted: Wanted) -> None:
        problem = await asyncio.to_thread(_problem, wanted)
        about = self.query_one("#about", Static)
        if not wanted.name:
            about.update(Text("Its name is the part before the @ of its address."))
        elif problem:
            about.update(safe.text(f"✗ {safe.line(problem)}"))
        else:
            whose = "yours" if wanted.owner is None else f"owner: {wanted.owner}"
            about.update(safe.text(f"✓ {wanted.name}@{self._domain}, {whose}"))
        about.set_class(bool(wanted.name and problem), "refusal")
        self.query_one("#create", Button).disabled = bool(problem)


def _problem(wanted: Wanted) -> str:
    """What keeps it from being made; the same rules as the daemon's. Blocking: users may be looked up far away."""
    try:
        mailboxname.check(wanted.name)
        if wanted.owner is None:
            mailboxname.check_role(wanted.name)
    except Refused as error:
        return error.reason
    if wanted.owner == "root":
        return "owner 'root' can only be set by editing config.toml"
    if wanted.owner is not None and not _known(wanted.owner):
        return f"there is no Linux user '{wanted.owner}': name the owner"
    return ""


def create(dashboard: "Dashboard") -> None:
    """Ask for a name, and make it."""
    dashboard.run_worker(later(_create, dashboard), group="mailboxes", exclusive=True)


def delete(dashboard: "Dashboard", name: str) -> None:
    """Look what would go, ask, and delete it."""
    dashboard.run_worker(later(_delete, dashboard, name), group="mailboxes", exclusive=True)


async def _create(dashboard: "Dashboard") -> None:
    status = dashboard.state.status
    domain = str(status["domain"]) if status is not None else "the domain"
    wanted = await dashboard.push_screen_wait(Create(domain, os.geteuid() == 0))
    if wanted is not None:
        whose = "" if wanted.owner is None else f" (owner: {wanted.owner})"
        made = f"Mailbox '{wanted.name}' created{whose}."
        await dashboard.ask(MailboxCreate(wanted.name, wanted.owner), made)


async def _delete(dashboard: "Dashboard", name: str) -> None:
    gateway = dashboard.gateway
    try:
        shown = await gateway.value(MailboxShow(name))
    except AimxError as error:
        dashboard.say(told(error), trouble=True)
        return
    if shown["catchall"]:
        dashboard.say("Cannot delete the catchall mailbox", trouble=True)
        return
    force = bool(shown["total"] or shown["sent_count"])
    if not await dashboard.push_screen_wait(_question(name, shown, force)):
        return
    try:
        await gateway.value(MailboxDelete(name, force))
    except DaemonRefused as error:
        if error.code != "NONEMPTY":
            dashboard.say(error.reason, trouble=True)
            return
        await _forced(dashboard, name, error.reason)  # mail that came meanwhile, or files that are none
        return
    except AimxError as error:
        dashboard.say(told(error), trouble=True)
        return
    _done(dashboard, name)


async def _forced(dashboard: "Dashboard", name: str, why: str) -> None:
    """Once more, since it is not empty after all."""
    try:
        shown = await dashboard.gateway.value(MailboxShow(name))
    except AimxError as error:
        dashboard.say(told(error), trouble=True)
        return
    sure = await dashboard.push_screen_wait(_question(name, shown, force=True, why=why))
    if sure and await dashboard.ask(MailboxDelete(name, force=True)) is not None:
        _done(dashboard, name)


def _done(dashboard: "Dashboard", name: str) -> None:
    dashboard.say(f"Mailbox '{name}' deleted; its empty directories stay on disk.")


def _question(name: str, shown: dict[str, Any], force: bool, why: str = "") -> Confirm:
    inbox, sent = int(shown["total"]), int(shown["sent_count"])
    hooks = [str(hook["name"]) for hooks in shown["hooks"].values() for hook in hooks]
    lines = [f"Mailbox {name}, {shown['address']}, of {shown['owner']}", *filter(None, [why])]
    if force:
        held = ((inbox, shown["inbox_path"]), (sent, shown["sent_path"]))
        lines += [f"{_count(number, 'message')} in {path}" for number, path in held]
    else:
        lines.append("No mail is in it.")
    lines.append(f"{_count(len(hooks), 'hook')}: {', '.join(hooks)}" if hooks else "No hooks.")
    lines.append("All of it is wiped; there is no undo." if force else "Its empty directories stay on disk.")
    title = f"Delete mailbox '{name}' and all its mail?" if force else f"Delete mailbox '{name}'?"
    return Confirm(title, "\n".join(map(safe.line, lines)), "Delete", word=name if force else "")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _known(user: str) -> bool:
    try:
        return bool(pwd.getpwnam(user))
    except (KeyError, ValueError):
        return False
