"""The question before something that cannot be taken back: what goes is named, and the harmless answer is at hand."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from aimx_tui import safe


class Confirm(ModalScreen[bool]):
    """True: do it. With a `word`, only once that has been typed; Enter alone never does it.

    `what` is shown as it is, a line each; nothing in it is markup.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes", tooltip="Do it"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no", tooltip="Leave everything as it is"),
        Binding("right", "app.focus_next", "", show=False, id="confirm.right", tooltip="To the other button"),
        Binding("left", "app.focus_previous", "", show=False, id="confirm.left", tooltip="To the other button"),
    ]
    CSS = """
    Confirm .what { height: auto; max-height: 9; }
    Confirm #word { margin: 1 0 0 0; }
    """

    def __init__(self, title: str, what: str, verb: str, word: str = "", keep: str = "Cancel") -> None:
        super().__init__()
        self._title, self._what, self._verb, self._word, self._keep = title, what, verb, word, keep

    def compose(self) -> ComposeResult:
        """What goes, the word where one is asked for, and two buttons."""
        with Vertical(classes="dialog"):
            yield Static(safe.text(self._title), classes="dialog-title")
            with VerticalScroll(classes="what", can_focus=False):
                yield Static(safe.text(self._what))
            if self._word:
                yield Input(placeholder=safe.line(self._word), id="word")
                yield Static(safe.text(f"Type {self._word} to go on."), classes="hint")
            with Horizontal(classes="buttons"):
                yield Button(Text(self._keep), id="keep")
                yield Button(safe.text(self._verb), id="do", disabled=bool(self._word))

    def on_mount(self) -> None:
        """Where the harmless answer is, or where the word goes."""
        self.query_one("#word" if self._word else "#keep").focus()

    def on_input_changed(self, changed: Input.Changed) -> None:
        """Whether it is the word."""
        self.query_one("#do", Button).disabled = not self._agreed(changed.value)

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """The word and Enter are enough."""
        if self._agreed(submitted.value):
            self.dismiss(True)

    def on_button_pressed(self, pressed: Button.Pressed) -> None:
        """One of the two."""
        pressed.stop()
        self.dismiss(pressed.button.id == "do")

    def action_answer(self, does: bool) -> None:
        """By key; a yes that needs a word needs it here too."""
        if not does or not self._word or self._agreed(self.query_one("#word", Input).value):
            self.dismiss(does)

    def _agreed(self, typed: str) -> bool:
        return typed.strip() == self._word
