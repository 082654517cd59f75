"""The addresses of resources: `aimx://…` written and read. Computes only."""

import re
from typing import NamedTuple
from urllib.parse import quote, unquote

GUIDE = "aimx://guide"
MAILBOX = "aimx://mailbox/{name}"
EMAIL = "aimx://mailbox/{name}/{folder}/{id}"
FOLDERS = ("inbox", "sent")
_BASE = "aimx://mailbox/"
_SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")  # RFC 3986 section 3.3, one at least
_NEVER = re.compile("[/\x00-\x1f\x7f]")  # in no name of a mailbox and in no id that can be asked for


class Mailbox(NamedTuple):
    """A mailbox."""

    name: str


class Email(NamedTuple):
    """A message."""

    mailbox: str
    folder: str
    id: str


class Guide(NamedTuple):
    """The guide."""


Resource = Guide | Mailbox | Email


def mailbox(name: str) -> str:
    """The address of a mailbox."""
    return f"{_BASE}{quote(name, safe='')}"


def email(name: str, folder: str, email_id: str) -> str:
    """The address of a message."""
    return f"{mailbox(name)}/{folder}/{quote(email_id, safe='')}"


def read(uri: str) -> Resource | None:
    """What it is the address of. None: of nothing here."""
    if uri == GUIDE:
        return Guide()
    if not uri.startswith(_BASE):
        return None
    parts = [_decoded(segment) for segment in uri.removeprefix(_BASE).split("/")]
    match parts:
        case [str(name)]:
            return Mailbox(name)
        case [str(name), ("inbox" | "sent") as folder, str(email_id)]:
            return Email(name, folder, email_id)
    return None


def _decoded(segment: str) -> str | None:
    if not _SEGMENT.fullmatch(segment):
        return None
    try:
        text = unquote(segment, errors="strict")
    except UnicodeDecodeError:
        return None
    return None if _NEVER.search(text) or text != text.strip() else text
