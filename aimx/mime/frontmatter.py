"""TOML frontmatter: written by hand for speed and pinned bytes, every value a single line (R7); read back by tomllib.

Never writes multi-line strings: a value can then never look like a delimiter line.
"""

import re
import tomllib
from collections.abc import Callable
from datetime import datetime
from typing import Any

from aimx import limits
from aimx.errors import Refused
from aimx.mime import plainfields, tomlkeys
from aimx.model.message import Attachment

DELIMITER = "+++"
_DELIMITER_LINE = re.compile(rb"^\+\+\+\r?(?:\n|\Z)", re.MULTILINE)
_INTEGER_BITS = 63  # TOML 1.0: 64-bit signed integers; others are an error
Value = str | bool | int | datetime | tuple[str, ...]

_ESCAPED = re.compile('["\\\\\x00-\x1f\x7f\x80-\x9f\u2028\u2029\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def _escape(match: re.Match[str]) -> str:
    character = match[0]
    if "\ud800" <= character <= "\udfff":
        return "\ufffd"
    return _SHORT.get(character) or f"\\u{ord(character):04X}"


def string(text: str) -> str:
    """A basic TOML string on one line; reading it back gives the same text (lone surrogates become U+FFFD)."""
    return f'"{_ESCAPED.sub(_escape, text)}"'


def value(item: Value) -> str:
    """One TOML value."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, datetime):
        return item.strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(item, tuple):
        return "[" + ", ".join(string(text) for text in item) + "]"
    return string(item)


def write(fields: list[tuple[str, Value]], tables: list[list[tuple[str, Value]]], body: str) -> bytes:
    """A whole document: its head and its text."""
    return head(fields, tables) + text(body)


def head(fields: list[tuple[str, Value]], tables: list[list[tuple[str, Value]]]) -> bytes:
    """All before the body: delimiter lines, fields in the given order, `[[attachments]]` tables last, a blank line."""
    lines = [DELIMITER]
    lines += [f"{key} = {value(item)}" for key, item in fields]
    for table in tables:
        lines += ["", "[[attachments]]"]
        lines += [f"{key} = {value(item)}" for key, item in table]
    lines += [DELIMITER, "", ""]
    return "\n".join(lines).encode()


def attachment_tables(attachments: tuple[Attachment, ...]) -> list[list[tuple[str, Value]]]:
    """The `[[attachments]]` of a message."""
    return [
        [
            ("filename", attachment.filename),
            ("content_type", attachment.content_type),
            ("size", len(attachment.content)),
            ("path", attachment.filename),
        ]
        for attachment in attachments
    ]


def text(body: str) -> bytes:
    """A body as octets; it ends with a line feed unless it is empty, lone surrogates in it become U+FFFD."""
    if body and not body.endswith("\n"):
        body += "\n"
    try:
        return body.encode()
    except UnicodeEncodeError:
        return body.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def span(octets: bytes) -> tuple[int, int] | None:
    """Where the TOML of a document begins and ends: between a first line `+++` and the next line that is exactly that.

    None: there is no such block within limits.FRONTMATTER_OCTETS.
    """
    first = _DELIMITER_LINE.match(octets)
    closing = _DELIMITER_LINE.search(octets, first.end(), limits.FRONTMATTER_OCTETS) if first else None
    return (first.end(), closing.start()) if first and closing else None


def fields(text: str, parse_float: Callable[[str], Any] = float) -> dict[str, Any]:
    """What TOML says. It may be an owner's, and he an adversary: nothing is read that takes more than a second.

    Raises: Refused.
    """
    try:
        plain = plainfields.read(text)
        if plain is not None:
            return plain
        if len(text) > limits.FRONTMATTER_FOREIGN_CHARACTERS or tomlkeys.too_long(text):
            raise Refused("the frontmatter is too long to be read")
        found = tomllib.loads(text, parse_float=parse_float)
    except (ValueError, RecursionError) as error:
        raise Refused("the frontmatter is not TOML", str(error)) from error
    _refuse_huge(found)
    return found


def _refuse_huge(found: dict[str, Any]) -> None:
    """A hexadecimal number of any length can be read, but neither written down nor stored. Raises: Refused."""
    waiting: list[Any] = [found]
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
        elif isinstance(item, int) and item.bit_length() > _INTEGER_BITS:
            raise Refused("the frontmatter has an integer of more than 64 bits")


def is_quick(octets: bytes) -> bool:
    """Whether the block at the beginning of a document is short, or as we write it; others may take a second to read.

    A block that has no end here is neither.
    """
    block = span(octets)
    if block is None:
        return _DELIMITER_LINE.match(octets) is None or len(octets) <= limits.FRONTMATTER_QUICK_OCTETS
    if block[1] - block[0] <= limits.FRONTMATTER_QUICK_OCTETS:
        return True
    try:
        return plainfields.read(octets[slice(*block)].decode()) is not None
    except ValueError:
        return True  # no TOML, which is seen at once


def _fields(octets: bytes) -> dict[str, Any]:
    """Raises: Refused."""
    try:
        text = octets.decode()
    except UnicodeDecodeError as error:
        raise Refused("the frontmatter is not UTF-8", str(error)) from error
    return fields(text)


def read(octets: bytes) -> tuple[dict[str, Any], bytes]:
    """The fields and the body octets of a document; any legal TOML is accepted.

    The first line is `+++`; the next line that is exactly that ends the block; one empty line after it is skipped.

    Raises:
        Refused: there is no such block within limits.FRONTMATTER_OCTETS, or it is not TOML.
    """
    block = span(octets)
    if block is None:
        raise Refused("no frontmatter: the first line must be +++ and a later one must end it")
    fields = _fields(octets[slice(*block)])
    closing = _DELIMITER_LINE.match(octets, block[1])
    assert closing is not None
    start = closing.end()
    for blank in (b"\n", b"\r\n"):
        if octets.startswith(blank, start):
            return fields, octets[start + len(blank) :]
    return fields, octets[start:]
