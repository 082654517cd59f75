"""Change single top-level values of frontmatter and leave every other octet of it as it is (S3).

Statements are found the way TOML is written, so that a line inside a string is never taken for one. What came out is
read back: it holds what was meant and is otherwise what it was, or nothing is changed. Never looks at the body.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from aimx.errors import Refused
from aimx.mime import frontmatter

_BETWEEN = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")  # two statements
_PART = r"""[ \t]*(?:"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|[A-Za-z0-9_-]+)[ \t]*"""
_KEY = re.compile(rf"({_PART}(?:\.{_PART})*)=[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+[ \t]*\Z")
_MEANS = re.compile(r"""\"\"\"|'{3}|["'\[\]{}#\n]""")  # what begins or ends something in a value
_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_QUOTES = re.compile(r'\\.|"""', re.DOTALL)


class Statement(NamedTuple):
    """`key = value` and where it stands: its line, up to behind the line's end, and its value."""

    key: str
    dotted: bool
    line: int
    value: int
    value_end: int
    end: int


def edited(block: str, changes: Mapping[str, frontmatter.Value | None], eol: str = "\n") -> tuple[str, dict[str, Any]]:
    """The text between the delimiter lines with these values, in the place of those that it has or after each other.

    None takes a key away. `eol` ends the lines of a block that has none.
    Returns: the text, and what the block said before. Raises: Refused.
    """
    before = _read(block)
    try:
        text = _apply(block, before, changes, eol)
    except ValueError as error:  # no quote where one must be
        raise Refused("the frontmatter cannot be changed safely", str(error)) from error
    after = _read(text)
    wanted = {key: value for key, value in before.items() if key not in changes}
    given = {key: value for key, value in after.items() if key not in changes}
    if wanted != given or _read(_lines(changes)) != {key: after[key] for key in changes if key in after}:
        raise Refused("the frontmatter cannot be changed safely")
    return text, before


def _read(text: str) -> dict[str, Any]:
    return frontmatter.fields(text, parse_float=str)  # nan is not equal to itself


def _lines(changes: Mapping[str, frontmatter.Value | None]) -> str:
    return "".join(f"{key} = {frontmatter.value(item)}\n" for key, item in changes.items() if item is not None)


def _apply(block: str, before: Mapping[str, Any], changes: Mapping[str, frontmatter.Value | None], eol: str) -> str:
    found = list(_statements(block))
    pieces: list[tuple[int, int, str]] = []  # start, end, what stands there instead
    after = found[-1] if found else None  # new lines follow the key before them
    for key, item in changes.items():
        mine = [statement for statement in found if statement.key == key]
        if len(mine) != (key in before) or any(statement.dotted for statement in mine):
            raise Refused(f"the frontmatter has a table in the place of {key}")
        if mine and item is not None:
            pieces.append((mine[0].value, mine[0].value_end, frontmatter.value(item)))
        elif mine:
            pieces.append((mine[0].line, mine[0].end, _comment(block, mine[0])))
        elif item is not None:
            at = after.end if after else 0
            pieces.append((at, at, f"{key} = {frontmatter.value(item)}{_eol(block, after) or eol}"))
        after = mine[0] if mine else after
    made, done = [], 0
    for start, end, text in sorted(pieces, key=lambda piece: piece[:2]):
        made += [block[done:start], text]
        done = end
    return "".join([*made, block[done:]])


def _comment(block: str, statement: Statement) -> str:
    """What stays of a statement that is taken away."""
    rest = block[statement.value_end : statement.end]
    return rest.lstrip(" \t") if "#" in rest else ""


def _eol(block: str, statement: Statement | None) -> str:
    if statement is None:
        return ""
    return "\r\n" if block[: statement.end].endswith("\r\n") else "\n"


def _statements(block: str) -> Iterator[Statement]:
    """Those before the first table. The block is TOML."""
    at = 0
    while True:
        at = _end(_BETWEEN, block, at)
        if at == len(block) or block[at] == "[":
            return
        key = _KEY.match(block, at)
        if key is None:
            raise Refused("the frontmatter cannot be changed safely")
        value_end = _value_end(block, key.end())
        newline = block.find("\n", value_end)
        end = newline + 1 if newline >= 0 else len(block)
        name, dotted = _name(key[1])
        yield Statement(name, dotted, block.rfind("\n", 0, at) + 1, key.end(), value_end, end)
        at = end


def _name(key: str) -> tuple[str, bool]:
    """The first part of a key, and whether there are more."""
    if _BARE.match(key):
        return key.rstrip(" \t"), False
    (name, value), *_ = tomllib.loads(f"{key} = 0").items()
    return name, isinstance(value, dict)


def _value_end(block: str, at: int) -> int:
    depth = 0
    end = at
    while (token := _MEANS.search(block, end)) is not None:
        end = token.end()
        if token[0] in ("#", "\n") and not depth:
            end = token.start()
            return end - len(block[at:end]) + len(block[at:end].rstrip(" \t\r"))
        if token[0] == "#":
            end = block.index("\n", end)
        elif token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        elif token[0] != "\n":
            end = _string_end(block, end, token[0])
    return len(block)


def _string_end(block: str, at: int, opened: str) -> int:
    if opened == "'":
        return block.index("'", at) + 1
    if opened == "'''":
        return _end(re.compile("'{0,2}"), block, block.index("'''", at) + 3)
    closing = _QUOTE if opened == '"' else _QUOTES
    for token in closing.finditer(block, at):
        if token[0] == opened:
            return _end(re.compile('"{0,2}'), block, token.end()) if opened == '"""' else token.end()
    raise ValueError("a string that does not end")


def _end(pattern: re.Pattern[str], block: str, at: int) -> int:
    match = pattern.match(block, at)
    assert match is not None
    return match.end()
