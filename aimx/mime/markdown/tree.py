"""The blocks of a document as they are while its lines are read."""

from itertools import pairwise
from typing import Literal

Kind = Literal[
    "document", "quote", "item", "note", "list", "paragraph", "heading", "code", "html", "break", "table", "definition"
]


class Block:
    """One block. A container holds `children`, a leaf `lines`."""

    __slots__ = ("children", "first", "kind", "last", "lines")

    def __init__(self, kind: Kind, first: int) -> None:
        self.kind = kind
        self.first = first  # line numbers
        self.last = first
        self.children: list[Block] = []
        self.lines: list[str] = []


class List(Block):
    """Items of one kind of mark: a bullet, or the character behind a number."""

    __slots__ = ("mark", "start")

    def __init__(self, first: int, mark: str, start: int | None) -> None:
        super().__init__("list", first)
        self.mark = mark
        self.start = start  # None: bullets

    def loose(self) -> bool:
        """Whether a blank line separates items, or blocks in an item (CommonMark section 5.3)."""
        items = self.children
        for item, following in pairwise(items):
            if item.last != following.first - 1:
                return True
        return any(_spaced(item.children) for item in items)


def _spaced(blocks: list[Block]) -> bool:
    return any(block.last != following.first - 1 for block, following in pairwise(blocks))


class Item(Block):
    """One list item; what is indented by `indent` columns belongs to it."""

    __slots__ = ("indent",)

    def __init__(self, first: int, indent: int) -> None:
        super().__init__("item", first)
        self.indent = indent


class Note(Block):
    """The definition of a footnote."""

    __slots__ = ("label",)

    def __init__(self, first: int, label: str) -> None:
        super().__init__("note", first)
        self.label = label


class Heading(Block):
    """A heading; its one line is the text."""

    __slots__ = ("level",)

    def __init__(self, first: int, level: int, text: str) -> None:
        super().__init__("heading", first)
        self.level = level
        self.lines = [text]


class Code(Block):
    """Code; an indented one has no fence."""

    __slots__ = ("fence", "indent", "info")

    def __init__(self, first: int, fence: str = "", indent: int = 0, info: str = "") -> None:
        super().__init__("code", first)
        self.fence = fence
        self.indent = indent
        self.info = info


class Html(Block):
    """Raw HTML; `end` is what its last line contains, empty for a blank line."""

    __slots__ = ("end",)

    def __init__(self, first: int, end: str) -> None:
        super().__init__("html", first)
        self.end = end


class Table(Block):
    """A table; its first line is the header."""

    __slots__ = ("alignments",)

    def __init__(self, first: int, header: str, alignments: list[str]) -> None:
        super().__init__("table", first)
        self.lines = [header]
        self.alignments = alignments
