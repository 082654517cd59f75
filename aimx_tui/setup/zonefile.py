"""Where the zone file is to be written, asked and done. Never writes through or over what is there."""

import os
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from aimx_tui import safe


class SaveZone(ModalScreen[str | None]):
    """Dismissed with the path that was written, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Cancel", id="zone.cancel", tooltip="Write nothing")
    ]

    def __init__(self, path: str, content: str) -> None:
        super().__init__()
        self._path, self._content = path, content

    def compose(self) -> ComposeResult:
        """A path, and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(Text("Write the records as a zone file"), classes="dialog-title")
            yield Input(value=self._path, id="path", select_on_focus=False)
            yield Static("", id="problem", classes="refusal")
            with Horizontal(classes="buttons"):
                yield Button(Text("Write"), id="write")
                yield Button(Text("Cancel"), id="cancel")

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Enter."""
        submitted.stop()
        self._write()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """Write or not."""
        pressed.stop()
        if pressed.button.id == "write":
            self._write()
        else:
            self.dismiss(None)

    def _write(self) -> None:
        path = os.path.abspath(os.path.expanduser(self.query_one(Input).value.strip()))
        problem = write(path, self._content)
        if problem is None:
            self.dismiss(path)
        else:
            self.query_one("#problem", Static).update(safe.text(f"✗ {problem}"))


def write(path: str, content: str) -> str | None:
    """Make that file; why not, if not. One of just that content that is there already is as good."""
    try:
        # Root may be in a directory of somebody else: only a name that is nothing yet is taken, links included.
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except FileExistsError:
        return f"{path} is there already; choose another name"
    except OSError as error:
        return f"{path}: {error.strerror}"
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(content)
    except OSError as error:
        os.unlink(path)
        return f"{path}: {error.strerror}"
    return None
