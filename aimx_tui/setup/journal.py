"""The notes of one step, in the order in which they were told."""

from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Static

from aimx.provision.setup.api import Note
from aimx_tui import safe

_SIGNS = {"ok": "✓ ", "warn": "⚠ ", "fail": "✗ ", "hint": "→ ", "text": "", "command": "", "title": ""}


class Journal(Vertical):
    """Grows downwards."""

    def __init__(self, name: str) -> None:
        super().__init__(id=f"journal-{name}", classes="journal")
        self.notes: list[Note] = []

    def add(self, note: Note) -> None:
        """One more."""
        self.notes.append(note)
        self.mount(Static(drawn(note), classes=f"note note-{note.kind}"))

    def clear(self) -> None:
        """The step begins anew."""
        self.notes.clear()
        self.remove_children()


def drawn(note: Note) -> Text:
    """A note with its sign."""
    return safe.text(f"{_SIGNS[note.kind]}{note.text}")
