"""Rows of text in columns, fitted to the terminal. Text of strangers is made inert; into a pipe it goes whole.

Never prints.
"""

import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from aimx.cli import diagnostics

_GAP = "  "
_CUT = "…"
_USUAL = 80  # cells of a line
_COMFORT = 24  # cells; an address or the beginning of a subject
_WIDE = frozenset("WF")


class Column(NamedTuple):
    """A heading. `least`: it may be cut to so many cells on a terminal. `wide`: left out where there is no room."""

    heading: str
    least: int | None = None
    wide: bool = False


def terminal_width() -> int | None:
    """Cells of a line of the terminal that stdout is; None: it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    try:
        width = int(os.environ.get("COLUMNS") or os.get_terminal_size(sys.stdout.fileno()).columns)
    except (OSError, ValueError):
        return _USUAL
    return width if width > 0 else _USUAL  # some terminals do not know theirs


def lines(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """The heading and the rows. The last column is not padded."""
    shown = [[inert(text) for text in row] for row in rows]
    table = [[column.heading for column in columns], *shown]
    kept = list(range(len(columns)))
    if width is not None and not _comfortable(columns, table, width):
        kept = [number for number in kept if not columns[number].wide]
    widths = _widths(columns, table, kept, width)
    return [_line([row[number] for number in kept], widths) for row in table]


def _comfortable(columns: Sequence[Column], table: list[list[str]], width: int) -> bool:
    """Whether there is room for all columns without cutting more than what is long."""
    wanted = [max(cells(row[number]) for row in table) for number in range(len(columns))]
    least = [
        cell if column.least is None else min(cell, _COMFORT) for column, cell in zip(columns, wanted, strict=True)
    ]
    return sum(least) + len(_GAP) * (len(columns) - 1) <= width


def _widths(columns: Sequence[Column], table: list[list[str]], kept: list[int], width: int | None) -> list[int]:
    wanted = [max(cells(row[number]) for row in table) for number in kept]
    if width is None:
        return wanted
    over = sum(wanted) + len(_GAP) * (len(kept) - 1) - width
    elastic = [at for at, number in enumerate(kept) if columns[number].least is not None]
    while over > 0:
        spare = {at: wanted[at] - (columns[kept[at]].least or 0) for at in elastic}
        widest = max((at for at in elastic if spare[at] > 0), key=lambda at: wanted[at], default=None)
        if widest is None:
            break
        next_widest = max((wanted[at] for at in elastic if at != widest), default=0)
        less = min(over, spare[widest], max(1, wanted[widest] - next_widest))
        wanted[widest] -= less
        over -= less
    return wanted


def _line(row: list[str], widths: list[int]) -> str:
    padded = [_fit(text, width) for text, width in zip(row, widths, strict=True)]
    return _GAP.join(padded).rstrip()


def _fit(text: str, width: int) -> str:
    if cells(text) > width:
        text = cut(text, width)
    return text + " " * (width - cells(text))


def cut(text: str, width: int) -> str:
    """The beginning of a text, with a sign that there is more."""
    kept, used = [], 0
    for character in text:
        size = cells(character)
        if used + size > width - 1:
            break
        kept.append(character)
        used += size
    return "".join(kept) + (_CUT if width > 0 else "")


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def inert(text: str) -> str:
    """One line in which nothing is a command to the terminal."""
    if text.isprintable():
        return text
    return diagnostics.visible(text).replace("\n", "\\x0a")
