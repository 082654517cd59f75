"""One mailbox's copy of a message as files: frontmatter in the guide's order, body, attachments."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from aimx.mime import clean, frontmatter
from aimx.model.config import Mailbox
from aimx.model.delivery import File
from aimx.model.envelope import Envelope
from aimx.model.message import Examined

_ID_LINE = re.compile(rb'\A\+\+\+\nid = "[^\n]*"\n')


def inbound(message: Examined, envelope: Envelope, rcpt: str, mailbox: Mailbox, verdict: tuple[str, str]) -> bytes:
    """The whole Markdown document of an inbound copy, its `id` still empty (see `with_id`)."""
    return head(message, envelope, rcpt, mailbox, verdict) + text(message)


def text(message: Examined) -> bytes:
    """What follows the head: the same for every copy, so that a hundred copies need no hundredfold memory."""
    return frontmatter.text(message.body)


def head(message: Examined, envelope: Envelope, rcpt: str, mailbox: Mailbox, verdict: tuple[str, str]) -> bytes:
    """The document of an inbound copy without its body.

    Key order: reference section 3.6, then ours.
    """
    headers, auth = message.headers, message.auth
    fields: list[tuple[str, frontmatter.Value | None]] = [
        ("id", ""),
        ("message_id", headers.message_id),
        ("thread_id", headers.thread_id),
        ("from", headers.from_),
        ("to", headers.to),
        ("cc", headers.cc or None),
        ("reply_to", headers.reply_to or None),
        ("delivered_to", clean.visible(rcpt)),
        ("subject", headers.subject),
        ("date", headers.date),
        ("received_at", _instant(int(envelope.received_at))),
        ("received_from_ip", envelope.peer_ip),
        ("size_bytes", message.size_octets),
        ("in_reply_to", headers.in_reply_to or None),
        ("references", headers.references or None),
        ("list_id", headers.list_id or None),
        ("auto_submitted", headers.auto_submitted or None),
        ("dkim", auth.dkim),
        ("spf", auth.spf),
        ("dmarc", auth.dmarc),
        ("trusted", verdict[0]),
        ("mailbox", mailbox.name),
        ("read", False),
        ("trust_reason", verdict[1] if verdict[0] != "none" else None),
        ("auth_detail", auth.detail or None),
        ("automated", True if headers.automated else None),
        ("to_all", headers.to_all or None),
        ("examined", False if not message.examined else None),
    ]
    present = [(key, item) for key, item in fields if item is not None]
    return frontmatter.head(present, frontmatter.attachment_tables(message.attachments))


@lru_cache(maxsize=16)
def _instant(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def files(message: Examined) -> tuple[File, ...]:
    """The attachments as sibling files of the message file."""
    return tuple(File(attachment.filename, attachment.content) for attachment in message.attachments)


def with_id(document: bytes, stem: str) -> bytes:
    """The document with its `id`, which is always its first field."""
    line = f"{frontmatter.DELIMITER}\nid = {frontmatter.string(stem)}\n".encode()
    return _ID_LINE.sub(lambda _: line, document, count=1)
