"""The line below the table where a search or a filter is typed. It asks nobody; what is wrong is shown where it is."""

from functools import cached_property
from typing import ClassVar, Literal

from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from aimx import limits
from aimx_tui import safe

Kind = Literal["search", "filter"]
_HINTS: dict[Kind, str] = {
    "search": 'words, from:bob to: subject: has:attachment is:unread in:sent after:7d "two words" -not',
    "filter": "only loaded mail whose sender, recipient or subject holds this; Enter keeps it, Esc ends it",
}
_SIGNS: dict[Kind, str] = {"search": "words to search for", "filter": "text to filter by"}


class Bar(Vertical):
    """Hidden until it is opened; the first picture has none, so that its field is made then."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "past(-1)", "Before", id="bar.up", show=False, tooltip="What was searched for before"),
        Binding("down", "past(1)", "After", id="bar.down", show=False, tooltip="What was searched for after that"),
    ]

    class Typed(Message):
        """Another text."""

        def __init__(self, kind: Kind, text: str) -> None:
            super().__init__()
            self.kind, self.text = kind, text

    class Entered(Typed):
        """Enter."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.kind: Kind = "search"
        self._past: dict[Kind, list[str]] = {"search": [], "filter": []}
        self._at = 0

    @cached_property
    def _field(self) -> Input:
        return Input(id="wanted", compact=True, select_on_focus=False)

    @cached_property
    def _hint(self) -> Static:
        return Static("", id="wanted-hint")

    def open(self, kind: Kind, text: str) -> None:
        """For that, beginning with what is in force."""
        self.kind, self.display = kind, True
        if not self.children:
            self.mount(self._field, self._hint)
        self._at = len(self._past[kind])
        field = self._field
        field.placeholder, field.value = _SIGNS[kind], text
        field.cursor_position = len(text)
        self.hint()
        field.focus()

    def close(self) -> None:
        """Hidden; the history stays."""
        self.display = False

    def hint(self, problem: str = "") -> None:
        """What is wrong with it, or what it takes."""
        self._hint.update(safe.text(f"✗ {problem}" if problem else _HINTS[self.kind]))
        self._hint.set_class(bool(problem), "refusal")

    def remember(self, text: str) -> None:
        """In the history of its kind, once."""
        past = [one for one in self._past[self.kind] if one != text]
        self._past[self.kind] = [*past, text][-limits.TUI_HISTORY :]
        self._at = len(self._past[self.kind])

    def action_past(self, by: int) -> None:
        """Through the history."""
        past = self._past[self.kind]
        self._at = max(0, min(self._at + by, len(past)))
        field = self._field
        field.value = past[self._at] if self._at < len(past) else ""
        field.cursor_position = len(field.value)

    def on_input_changed(self, changed: Input.Changed) -> None:
        """Another text; what was said of the one before no longer counts."""
        changed.stop()
        self.hint()
        self.post_message(self.Typed(self.kind, changed.value))

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """Enter."""
        submitted.stop()
        self.post_message(self.Entered(self.kind, submitted.value.strip()))
