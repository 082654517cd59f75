"""What the rest of a document defines: link targets and footnotes, found by label.

Must never let a few long definitions and many short mentions make a large document out of a small one.
"""

from typing import Generic, NamedTuple, TypeVar

from aimx.mime.markdown import characters
from aimx.mime.markdown.budget import Budget
from aimx.mime.markdown.links import Definition, Target

_B = TypeVar("_B")


class Mark(NamedTuple):
    """A mention of a footnote."""

    number: int
    mention: int


class Note(Generic[_B]):
    """A footnote that is mentioned."""

    def __init__(self, number: int, body: _B) -> None:
        self.number = number
        self.mentions = 0
        self.body = body


class References(Generic[_B]):
    """Definitions of one document. `_B` is what the text of a footnote is kept as."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._targets: dict[str, Target] = {}
        self._bodies: dict[str, _B] = {}
        self._notes: dict[str, Note[_B]] = {}
        self.order: list[Note[_B]] = []  # footnotes as they are numbered

    def define(self, definition: Definition) -> None:
        """The first definition of a label counts."""
        self._targets.setdefault(definition.label, definition.target)

    def define_note(self, label: str, body: _B) -> None:
        """The first footnote of a label counts."""
        self._bodies.setdefault(characters.label(label), body)

    def find(self, label: str) -> Target | None:
        """The target of a label; None when it has none, or when too much was put in already."""
        target = self._targets.get(characters.label(label))
        if target is None or not self.budget.expand(len(target.url) + len(target.title or "")):
            return None
        return target

    def refer(self, label: str) -> Mark | None:
        """The next mention of a footnote; None when there is no such note."""
        name = characters.label(label)
        if name not in self._bodies:
            return None
        note = self._notes.get(name)
        if note is None:
            note = Note(len(self.order) + 1, self._bodies[name])
            self._notes[name] = note
            self.order.append(note)
        note.mentions += 1
        return Mark(note.number, note.mentions)
