"""A stored mail, asked of the daemon piece by piece and never of two versions. Knows no widget."""

import asyncio
from typing import Any, NamedTuple

from aimx import limits
from aimx.errors import Failed, Refused
from aimx.wire.frames import EmailRead
from aimx_tui.dash.gateway import Gateway

_TRIES = 3  # of reading a mail that is changed meanwhile


class Message(NamedTuple):
    """What is known of a mail so far. `fields` None: its frontmatter is none that can be read; then all is `body`.

    `next`: the octet to go on with, None at the end. `total` counts octets of the file.
    """

    mailbox: str
    folder: str
    id: str
    path: str
    version: str
    total: int
    source: str
    body: str
    fields: dict[str, Any] | None
    next: int | None

    @property
    def key(self) -> str:
        """As of its row."""
        return f"{self.mailbox}/{self.folder}/{self.id}"


class Changed(Failed):
    """The file is another one than it was when its reading began."""


async def begin(gateway: Gateway, mailbox: str, folder: str, email_id: str) -> Message:
    """The first piece, or as many as the frontmatter takes. Raises: what the gateway raises; Changed."""
    told = await gateway.value(EmailRead(mailbox, email_id, folder, 0, limits.TUI_FIRST_OCTETS))
    source, version = told["text"], told["version"]
    while told["next"] is not None and not _has_head(source):
        told = await _piece(gateway, EmailRead(mailbox, email_id, folder, told["next"]), version)
        source += told["text"]
    fields, body = await asyncio.to_thread(_read, source)
    path, total = str(told["path"]), int(told["total"])
    return Message(mailbox, folder, email_id, path, str(version), total, source, body, fields, told["next"])


async def more(gateway: Gateway, message: Message) -> Message:
    """The same with its next piece. Raises: what the gateway raises; Changed."""
    if message.next is None:
        return message
    request = EmailRead(message.mailbox, message.id, message.folder, message.next)
    told = await _piece(gateway, request, message.version)
    text = told["text"]
    return message._replace(source=message.source + text, body=message.body + text, next=told["next"])


async def whole(gateway: Gateway, mailbox: str, folder: str, email_id: str) -> Message:
    """All of it. Raises: what the gateway raises; Changed when it never stays the same."""
    for _ in range(_TRIES - 1):
        try:
            return await _whole(gateway, mailbox, folder, email_id)
        except Changed:
            continue
    return await _whole(gateway, mailbox, folder, email_id)


async def _whole(gateway: Gateway, mailbox: str, folder: str, email_id: str) -> Message:
    message = await begin(gateway, mailbox, folder, email_id)
    pieces = []
    while message.next is not None:
        read = await more(gateway, message._replace(source="", body=""))
        pieces.append(read.body)
        message = message._replace(next=read.next)
    rest = "".join(pieces)
    return message._replace(source=message.source + rest, body=message.body + rest)


async def _piece(gateway: Gateway, request: EmailRead, version: str) -> dict[str, Any]:
    told: dict[str, Any] = await gateway.value(request)
    if str(told["version"]) != str(version):
        raise Changed("the email was changed while it was read; read it again")
    return told


def _has_head(source: str) -> bool:
    """Whether more text would not change what the frontmatter is."""
    from aimx.mime import frontmatter  # rows are shown before any mail is

    if not source.startswith(frontmatter.DELIMITER) or len(source) >= limits.FRONTMATTER_OCTETS:
        return True
    return frontmatter.span(source.encode()) is not None


def _read(source: str) -> tuple[dict[str, Any] | None, str]:
    from aimx.mime import frontmatter

    octets = source.encode("utf-8", "replace")
    try:
        fields, body = frontmatter.read(octets)
    except Refused:
        return None, source
    return fields, body.decode()
