"""The record of a send as a file: the text with its signature, never the wire message nor custom HTML (S6)."""

import re

import msgspec

from aimx.mime import clean, dates, frontmatter, words
from aimx.model.config import Mailbox
from aimx.model.delivery import File
from aimx.model.outbound import Claim, Composed, Record, Submission


class Letter(msgspec.Struct, frozen=True):
    """A message on its way, the mailbox that sends it, and the claim on it. `size`: octets on the wire."""

    mailbox: Mailbox
    submission: Submission
    composed: Composed
    size: int
    claim: Claim | None = None


def head(letter: Letter, record: Record) -> bytes:
    """The document without its text, its `id` still empty (see `document.with_id`).

    Key order: that of inbound mail, then the outbound block.
    """
    submission = letter.submission
    delivered = instant(record.delivered_at) if record.delivered_at is not None else None
    fields: list[tuple[str, frontmatter.Value | None]] = [
        ("id", ""),
        ("message_id", submission.message_id),
        ("thread_id", submission.thread_id),
        ("from", submission.from_),
        ("to", submission.to),
        ("cc", submission.cc or None),
        ("reply_to", submission.reply_to or None),
        ("delivered_to", ", ".join(str(address) for address in submission.recipients)),
        ("subject", submission.subject or "(no subject)"),
        ("date", submission.date),
        ("size_bytes", letter.size),
        ("in_reply_to", submission.in_reply_to or None),
        ("references", " ".join(submission.references) or None),
        ("list_id", _field(letter, b"list-id") or None),
        ("auto_submitted", _field(letter, b"auto-submitted") or None),
        ("dkim", "pass"),
        ("spf", "none"),
        ("dmarc", "none"),
        ("trusted", "none"),
        ("mailbox", letter.mailbox.name),
        ("read", False),
        ("outbound", True),
        ("outbound_format", letter.composed.format),
        ("delivery_status", record.status),
        ("bcc", submission.bcc or None),
        ("delivered_at", delivered),
        ("delivery_details", clean.one_line(record.details) or None),
    ]
    present = [(key, item) for key, item in fields if item is not None]
    return frontmatter.head(present, frontmatter.attachment_tables(letter.composed.attachments))


def _field(letter: Letter, name: bytes) -> str:
    """A field of the header block that leaves, which submission and daemon made together."""
    found = re.search(rb"(?im)^" + name + rb":((?:[^\r\n]|\r?\n[ \t])*)", letter.composed.head)
    return clean.one_line(words.decode(found[1].decode("utf-8", "replace"))) if found else ""


def instant(at: float) -> str:
    """A moment as records and hooks tell it."""
    return dates.utc(at)


def text(letter: Letter) -> bytes:
    """What follows the head."""
    return frontmatter.text(letter.composed.source)


def files(letter: Letter) -> tuple[File, ...]:
    """The attachments as sibling files of the record."""
    return tuple(File(attachment.filename, attachment.content) for attachment in letter.composed.attachments)
