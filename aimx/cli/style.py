"""Colours and marks of what goes to stdout: the one place that knows either. Plain where there is no terminal."""

from typing import Literal

from aimx.cli import output

Role = Literal["good", "bad", "odd", "head", "dim"]
Mark = Literal["ok", "fail", "warn", "info", "skip", "arrow"]
_CODES: dict[Role, str] = {"good": "32", "bad": "31;1", "odd": "33", "head": "1", "dim": "2"}
_MARKS: dict[Mark, tuple[str, str, Role]] = {
    "ok": ("✓", "[OK]", "good"),
    "fail": ("✗", "[FAIL]", "bad"),
    "warn": ("⚠", "[WARN]", "odd"),
    "info": ("•", "[INFO]", "dim"),
    "skip": ("–", "[SKIP]", "dim"),
    "arrow": ("→", "[>]", "dim"),
}


class Style:
    """How to write for one reader."""

    def __init__(self, coloured: bool | None = None) -> None:
        """None: as stdout is."""
        self.coloured = output.colour() if coloured is None else coloured

    def paint(self, role: Role, text: str) -> str:
        """The text in the colour of its role."""
        return f"\x1b[{_CODES[role]}m{text}\x1b[0m" if self.coloured else text

    def mark(self, mark: Mark) -> str:
        """A symbol, or a word in brackets where there is no colour."""
        symbol, word, role = _MARKS[mark]
        return self.paint(role, symbol) if self.coloured else word
