"""The help of a screen: its keys, each with what it does. One for all apps; it knows none of them."""

from collections.abc import Iterator
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

_NAMES = {
    "question_mark": "?",
    "slash": "/",
    "plus": "+",
    "colon": ":",
    "backslash": "\\",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "space": "Space",
    "escape": "Esc",
    "enter": "Enter",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


class Help(ModalScreen[None]):
    """Closed by any of its keys."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,f1,question_mark", "dismiss", "Close", id="help.close", tooltip="Close this help")
    ]

    def __init__(self, bindings: tuple[ActiveBinding, ...], about: str = "") -> None:
        super().__init__()
        self._bindings_shown, self._about = bindings, about

    def compose(self) -> ComposeResult:
        """One row per key."""
        with Vertical(classes="dialog"):
            yield Static(Text("Keys"), classes="dialog-title")
            with VerticalScroll():
                if self._about:
                    yield Static(Text(self._about + "\n"))
                yield Static(self._table())
            yield Static(Text("Esc closes this"), classes="hint")

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True, style="bold")
        table.add_column()
        for keys, what in _rows(self._bindings_shown):
            table.add_row(keys, what)
        return table


def _rows(bindings: tuple[ActiveBinding, ...]) -> Iterator[tuple[str, str]]:
    keys: dict[str, list[str]] = {}
    for active in bindings:
        one = active.binding
        if active.enabled and one.tooltip and not one.system:  # Textual's own have none: arrows in a table and the like
            keys.setdefault(one.tooltip, []).append(_name(one.key))
    for what, names in keys.items():
        yield " ".join(dict.fromkeys(names)), what


def _name(key: str) -> str:
    if key in _NAMES:
        return _NAMES[key]
    if key.startswith("ctrl+"):
        return "Ctrl+" + key[5:].upper()
    return key.upper() if key.startswith("f") and key[1:].isdigit() else key.replace("shift+", "Shift+")
