"""A choice of yes or no whose state is a sign, as Textual's is a colour."""

from textual.widgets import Checkbox


class Tick(Checkbox):
    """`[x]` or `[ ]`, then what it means."""

    BUTTON_LEFT = ""
    BUTTON_RIGHT = ""

    @property
    def BUTTON_INNER(self) -> str:  # type: ignore[override]
        """A cross for yes."""
        return "[x]" if self.value else "[ ]"
