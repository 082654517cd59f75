"""The question before setup is ended while it is under way."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from aimx_tui import safe


class Leaving(ModalScreen[bool]):
    """True: end it. What would stand then is said."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "say(True)", "End setup", id="leaving.yes", tooltip="End setup now"),
        Binding("n,escape", "say(False)", "Go on", id="leaving.no", tooltip="Go on with setup"),
        Binding("right", "app.focus_next", "", show=False, id="leaving.right", tooltip="To the other button"),
        Binding("left", "app.focus_previous", "", show=False, id="leaving.left", tooltip="To the other button"),
    ]

    def __init__(self, stands: str) -> None:
        super().__init__()
        self._stands = stands

    def compose(self) -> ComposeResult:
        """Two buttons; Enter goes on."""
        with Vertical(classes="dialog"):
            yield Static(Text("End setup now?"), classes="dialog-title")
            yield Static(safe.text(self._stands))
            with Horizontal(classes="buttons"):
                yield Button(Text("Go on"), id="stay")
                yield Button(Text("End setup"), id="end")

    def on_mount(self) -> None:
        """The harmless one."""
        self.query_one("#stay").focus()

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """One of the two."""
        pressed.stop()
        self.dismiss(pressed.button.id == "end")

    def action_say(self, end: bool) -> None:
        """By key."""
        self.dismiss(end)
