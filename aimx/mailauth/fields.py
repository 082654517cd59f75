"""The raw header fields and body of a message, cut as RFC 5322 says. Never decodes, never repairs."""

import re
from typing import NamedTuple

_FIELD = re.compile(rb"([\x21-\x39\x3b-\x7e]+):([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")
_MBOX_LINE = re.compile(rb"From [^\r\n]*\r\n")
_SIGNATURE_LINE = re.compile(rb"(?im)^dkim-signature[ \t]*:")
_BLANK_LINE = re.compile(rb"\n\r?\n")


class Field(NamedTuple):
    """One header field: its name lower-case, its name as sent, its value with folds and final CRLF."""

    key: bytes
    name: bytes
    value: bytes


class Message(NamedTuple):
    """A cut message. `fields` is None when a header line is no field: whose field it is would be a guess.

    `unreadable_signature` then tells whether a DKIM-Signature is among them. `body` has CRLF line ends.
    """

    fields: tuple[Field, ...] | None
    body: bytes
    unreadable_signature: bool

    def named(self, key: bytes) -> tuple[Field, ...]:
        """The fields of one name, topmost first."""
        return tuple(field for field in self.fields or () if field.key == key)


def cut(octets: bytes) -> Message:
    """Header fields and body. Line feeds without carriage return (a file handed to `ingest`) count as line ends."""
    if octets.startswith((b"\r\n", b"\n")):
        head, body = b"", octets.partition(b"\n")[2]
    else:
        blank = _BLANK_LINE.search(octets)
        head, body = (octets, b"") if blank is None else (octets[: blank.start() + 1], octets[blank.end() :])
    found = _fields(with_crlf(head))
    signed = found is None and _SIGNATURE_LINE.search(head) is not None
    return Message(found, with_crlf(body), signed)


def with_crlf(octets: bytes) -> bytes:
    """The same lines with CRLF ends."""
    if octets.count(b"\n") == octets.count(b"\r\n"):
        return octets
    return octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _fields(head: bytes) -> tuple[Field, ...] | None:
    if head and not head.endswith(b"\r\n"):
        head += b"\r\n"
    mbox = _MBOX_LINE.match(head)
    at = mbox.end() if mbox else 0
    found = []
    while at < len(head):
        match = _FIELD.match(head, at)
        if match is None:
            return None
        name = match[1]
        found.append(Field(name.lower(), name, match[2] + b"\r\n"))
        at = match.end()
    return tuple(found)
