"""The header block of a submitted message as fields, strictly: nothing in it may be read in two ways.

Must never guess: a line that is neither a field nor its continuation, a lone CR and a NUL end the submission.
"""

import re
from typing import NamedTuple

from aimx import limits
from aimx.errors import MalformedMessage

_END = re.compile(rb"\r?\n\r?\n")
_FIELD = re.compile(rb"([!-9;-~]{1,76}):([^\r\n\0]*+(?:\r?\n[ \t][^\r\n\0]*+)*+)\r?\n")
_EMPTY_GROUP = re.compile(r"[\w .-]{1,60}:\s*;?\s*\Z", re.ASCII)
_UNSHOWABLE = re.compile("[\x80-\x9f\u2028\u2029\ud800-\udfff]")  # controls and line ends that ASCII does not know
_WIDE = re.compile(" {60,}")  # more blanks than a line has room for: they cannot be folded


class Field(NamedTuple):
    """One field: its name as written and in lower case, its raw value with its folds."""

    name: str
    key: str
    value: bytes


class Block(NamedTuple):
    """The fields in order, and where in the message the body starts."""

    fields: tuple[Field, ...]
    body: int


def split(message: bytes, most_octets: int = limits.SUBMITTED_HEAD_OCTETS) -> Block:
    """Cut off the header block. Line ends are CRLF or LF. Raises: MalformedMessage."""
    if message.startswith((b"\r\n", b"\n")):
        return Block((), message.index(b"\n") + 1)
    end = _END.search(message, 0, most_octets + 4)
    if end is None or end.start() > most_octets:
        if len(message) > most_octets:
            raise MalformedMessage("outbound request header block is too large")
        raise MalformedMessage("outbound request body has no header/body separator (expected blank line)")
    found: list[Field] = []
    head, position = message[: end.start()] + b"\r\n", 0
    while position < len(head):
        match = _FIELD.match(head, position)
        if match is None:
            line = head[position:].partition(b"\n")[0]
            raise MalformedMessage(f"not a header field: {shown(line.decode('utf-8', 'replace'))}")
        if len(found) >= limits.SUBMITTED_FIELDS:
            raise MalformedMessage(f"more than {limits.SUBMITTED_FIELDS} header fields")
        name = match[1].decode("ascii")
        found.append(Field(name, name.lower(), match[2]))
        position = match.end()
    return Block(tuple(found), end.end())


def plain(text: str) -> str:
    """Decoded text as a field may say it: trimmed, without tabs and what nobody can see on one line."""
    return _WIDE.sub(" ", _UNSHOWABLE.sub("", text.replace("\t", " "))).strip(" ")


def is_empty_group(value: str) -> bool:
    """`undisclosed-recipients:;` and its like: nobody is named (RFC 5322 section 3.4)."""
    return _EMPTY_GROUP.match(value.strip()) is not None


def shown(text: str) -> str:
    """What was submitted, as part of an error: one bounded line, control characters escaped."""
    text = text.strip()
    if len(text) > limits.SHOWN_CHARACTERS:
        text = text[: limits.SHOWN_CHARACTERS] + "…"
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
