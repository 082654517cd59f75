"""A text that has a screen to itself, to be read to its end. Asks nothing."""

from typing import ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static


class Full(ModalScreen[None]):
    """Closed by any of its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "dismiss", "Close", id="full.close", tooltip="Close this"),
        Binding("j,down", "scroll(1)", "Down", id="full.down", show=False, tooltip="Further down"),
        Binding("k,up", "scroll(-1)", "Up", id="full.up", show=False, tooltip="Further up"),
    ]

    def __init__(self, title: str, text: RenderableType) -> None:
        super().__init__()
        self._title, self._text = title, text

    def compose(self) -> ComposeResult:
        """A title and the text."""
        with Vertical(classes="dialog asked"):
            yield Static(Text(self._title), classes="dialog-title")
            with VerticalScroll(can_focus=False):
                yield Static(self._text)
            yield Static(Text("Esc closes this"), classes="hint")

    def action_scroll(self, by: int) -> None:
        """A line up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
