"""Destinations, titles, labels and reference definitions (CommonMark sections 4.7 and 6.3).

Every pattern looks at a bounded piece or stops at the next bracket: one pass over the text, however it is built.
"""

import re
from typing import NamedTuple

from aimx import limits
from aimx.mime.markdown import characters

_POINTY = re.compile(r"<((?:[^<>\n\\]|\\.)*+)>")
_BARE_PIECE = re.compile(r"(?:[^\x00-\x20\x7f()\\]|\\[^\x00-\x20\x7f])++|\\")
_TITLE = re.compile(
    r'"((?:[^"\\]|\\[\s\S])*+)"'
    r"|'((?:[^'\\]|\\[\s\S])*+)'"
    r"|\(((?:[^()\\]|\\[\s\S])*+)\)"
)
_LABEL = re.compile(rf"\[((?:[^\[\]\\]|\\[\s\S]){{0,{limits.MARKDOWN_LABEL_CHARACTERS}}}+)\]")
_GAP = re.compile(r"[ \t]*+(?:\n[ \t]*+)?")
_LINE_END = re.compile(r"[ \t]*+(?:\n|$)")


class Target(NamedTuple):
    """Where a link leads and what it says about it, both as plain text."""

    url: str
    title: str | None


class Found(NamedTuple):
    """Something recognised in a text, and where it ends."""

    target: Target
    end: int


class Definition(NamedTuple):
    """A reference definition."""

    label: str
    target: Target
    end: int


def label(text: str, start: int) -> tuple[str, int] | None:
    """The source of a link label at `[` and where it ends."""
    match = _LABEL.match(text, start)
    return None if match is None else (match[1], match.end())


def destination(text: str, start: int) -> tuple[str, int] | None:
    """A link destination and where it ends."""
    if text.startswith("<", start):
        match = _POINTY.match(text, start)
        return None if match is None else (characters.plain(match[1]), match.end())
    position, depth = start, 0
    while position < len(text):
        piece = _BARE_PIECE.match(text, position)
        if piece is not None:
            position = piece.end()
            continue
        if text[position] == "(":
            depth += 1
            if depth > limits.MARKDOWN_PARENTHESES:
                return None
        elif text[position] == ")" and depth:
            depth -= 1
        else:
            break
        position += 1
    return None if depth else (characters.plain(text[start:position]), position)


def _title(text: str, start: int) -> tuple[str, int] | None:
    match = _TITLE.match(text, start)
    if match is None:
        return None
    return characters.plain(match[match.lastindex or 1]), match.end()


def _gap(text: str, start: int) -> int:
    match = _GAP.match(text, start)
    return start if match is None else match.end()


def inline(text: str, start: int) -> Found | None:
    """What follows a link's text in parentheses, from its `(` on."""
    if not text.startswith("(", start):
        return None
    found = destination(text, _gap(text, start + 1))
    if found is None:
        return None
    url, end = found
    title = None
    after = _gap(text, end)
    if after > end:
        titled = _title(text, after)
        if titled is not None:
            title, end = titled
            after = _gap(text, end)
    return Found(Target(url, title), after + 1) if text.startswith(")", after) else None


def definition(text: str, start: int) -> Definition | None:
    """A reference definition that starts here."""
    labelled = label(text, start)
    if labelled is None or not labelled[0].strip(" \t\n") or not text.startswith(":", labelled[1]):
        return None
    begin = _gap(text, labelled[1] + 1)
    found = destination(text, begin)
    if found is None or found[1] == begin:
        return None
    name = characters.label(labelled[0])
    url, end = found
    after = _gap(text, end)
    titled = _title(text, after) if after > end else None
    if titled is not None:
        line_end = _LINE_END.match(text, titled[1])
        if line_end is not None:
            return Definition(name, Target(url, titled[0]), line_end.end())
    line_end = _LINE_END.match(text, end)
    return None if line_end is None else Definition(name, Target(url, None), line_end.end())
