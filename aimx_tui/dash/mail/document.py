"""The text of a mail as lines of a given width: its beginning as Markdown, the rest as it was written.

Pure, and slow for long texts: callers run it in a thread. All in it is a stranger's: HTML is shown as text, nothing is
fetched, no character reaches the terminal that `safe` would not show, a link is a number into `links`.
"""

from collections.abc import Iterator
from typing import NamedTuple

from rich.cells import get_character_cell_size
from rich.segment import Segment

from aimx import limits
from aimx_tui import safe

Line = list[Segment] | str
SPACES = str.maketrans({"\xa0": " ", "\u2007": " ", "\u202f": " ", "\r": None})


class Colours(NamedTuple):
    """Of a theme."""

    strong: str = "default"
    quiet: str = "default"


class Link(NamedTuple):
    """What it says and where it leads. `label` is fit to be shown, `target` and `title` are as they were written."""

    label: str
    target: str
    title: str = ""


class Drawn(NamedTuple):
    """Lines, and the links that the meta `link` of their segments counts."""

    lines: list[Line]
    links: tuple[Link, ...] = ()


def markdown(text: str, width: int, colours: Colours) -> Drawn:
    """All of a text as Markdown."""
    # Its parser takes a tenth of the start, and the table is seen before any mail.
    from aimx_tui.dash.mail import marked

    lines, links = marked.lines(text.translate(SPACES), width, colours)
    return Drawn(lines, links) if lines else Drawn(plain(text, width))


def plain(text: str, width: int) -> list[Line]:
    """All of a text as it was written, wrapped."""
    lines: list[Line] = []
    for line in safe.whole(text.translate(SPACES)).split("\n"):
        lines += _wrapped(line, max(1, width))
    return lines


def split(text: str) -> tuple[str, str]:
    """What is drawn as Markdown, up to the end of a line, and the rest."""
    most = limits.TUI_MARKDOWN_CHARACTERS
    if len(text) <= most:
        return text, ""
    end = text.rfind("\n", 0, most) + 1 or most
    return text[:end], text[end:]


def _wrapped(line: str, width: int) -> Iterator[str]:
    if not line:
        yield line
    at, narrow = 0, line.isascii()
    while at < len(line):
        end = min(at + width, len(line)) if narrow else _fitting(line, at, width)
        space = line.rfind(" ", at, end + 1) if end < len(line) else -1
        if space > at and line[at:space].strip():
            yield line[at:space]
            at = space + 1
        else:
            yield line[at:end]
            at = end


def _fitting(line: str, at: int, width: int) -> int:
    """One character at least."""
    cells, end = 0, at
    while end < len(line):
        cells += get_character_cell_size(line[end])
        if cells > width and end > at:
            break
        end += 1
    return end
