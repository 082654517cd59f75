"""An attachment is fetched while its dialog shows how far it is; leaving the dialog ends that without a trace."""

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from aimx import errors
from aimx.errors import AimxError
from aimx_tui import safe
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.mail import launching, saving, words
from aimx_tui.dash.mail.dialogs import Where
from aimx_tui.dash.mail.words import Attachment
from aimx_tui.dash.state import Mail
from aimx_tui.dash.working import later

_CELLS = 24


def bar(done: int, total: int) -> str:
    """How far it is, in signs and numbers."""
    filled = _CELLS * done // max(1, total)
    return f"{'█' * filled}{'░' * (_CELLS - filled)} {words.size(done)} of {words.size(total)}"


class Save(Where):
    """Saves it where the person says; dismissed with the path."""

    def __init__(self, gateway: Gateway, mail: Mail, file: Attachment) -> None:
        super().__init__(f"Save {safe.line(file.filename)}", saving.proposed(file), "Save")
        self._gateway, self._mail, self._file = gateway, mail, file

    def given(self, path: str) -> None:
        """Begin."""
        self.progress("… asking the daemon")
        self.run_worker(later(self._save, path), group="save", exclusive=True)

    async def _save(self, typed: str) -> None:
        def told(done: int, total: int) -> None:
            self.progress(bar(done, total))

        try:
            path = await asyncio.to_thread(saving.place, typed, self._file)
            await saving.save(self._gateway, self._mail, self._file, path, told)
        except AimxError as error:
            self.refuse(errors.told(error))
        else:
            self.dismiss(str(path))


class Open(ModalScreen[str | None]):
    """Opens a private copy, after a yes that knows what it is for; dismissed with what is to be said."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "yes", "Open", id="open.yes", tooltip="Open it"),
        Binding("escape,n", "dismiss", "Cancel", id="open.no", tooltip="Leave it closed"),
    ]

    def __init__(self, gateway: Gateway, mail: Mail, file: Attachment) -> None:
        super().__init__()
        self._gateway, self._mail, self._file = gateway, mail, file

    def compose(self) -> ComposeResult:
        """What it is, who opens it."""
        file = self._file
        with Vertical(classes="dialog"):
            yield Static(safe.text(f"Open {safe.line(file.filename)}?"), classes="dialog-title")
            yield Static(safe.text(f"It says it is {safe.line(file.content_type)}, {words.size(file.size)}."))
            yield Static(safe.text(f"It comes from {safe.line(self._mail.from_ or 'this mailbox')}."))
            yield Static(safe.text(
                f"{launching.OPENER} chooses the program for it. It gets a copy that only you can read"
                " and that is deleted when the dashboard ends."
            ))  # fmt: skip
            yield Static("", id="state", classes="hint")
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel")
                yield Button("Open", id="do")

    def on_mount(self) -> None:
        """The harmless answer."""
        self.query_one("#cancel").focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Either."""
        pressed.stop()
        if pressed.button.id == "do":
            self.action_yes()
        else:
            self.dismiss(None)

    def action_yes(self) -> None:
        """Fetch and open."""
        self.query_one("#do", Button).disabled = True
        self.run_worker(later(self._open), group="open", exclusive=True)

    async def _open(self) -> None:
        line = self.query_one("#state", Static)

        def told(done: int, total: int) -> None:
            line.update(safe.text(bar(done, total)))

        try:
            path = await asyncio.to_thread(saving.private_place, self._file)
            await saving.save(self._gateway, self._mail, self._file, path, told)
            await launching.open_file(str(path))
        except AimxError as error:
            line.update(safe.text(f"✗ {errors.told(error)}"))
            line.add_class("refusal")
            self.query_one("#do", Button).disabled = False
        else:
            self.dismiss("Opened a copy of it.")
