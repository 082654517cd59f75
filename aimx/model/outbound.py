"""Seam: a message on its way out, from what a caller submitted to what became of each recipient."""

from typing import Literal

import msgspec

from aimx.model.address import Address
from aimx.model.message import Attachment

OutboundFormat = Literal["markdown", "text", "html"]
Result = Literal["delivered", "failed", "deferred", "unknown"]
SendStatus = Literal["delivered", "failed", "deferred", "pending"]


class Submission(msgspec.Struct, frozen=True, array_like=True):
    """What the header block of a submitted message says, read strictly: exactly one author, sound addresses only.

    Message-IDs are without brackets. `message_id` is the caller's or one that was made for it. `from_`, `to` and `cc`
    are display text, `bcc` addr-specs; `subject` is decoded. `date` is RFC 3339. Domains of `author` and `recipients`
    are ASCII. `leaving` are the fields that leave: lower-case name and decoded text, empty for those told above.
    """

    author: Address
    recipients: tuple[Address, ...]
    from_: str
    to: str
    cc: str
    bcc: tuple[str, ...]
    reply_to: str
    subject: str
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    thread_id: str
    date: str
    leaving: tuple[tuple[str, str], ...] = ()


class ComposeOrder(msgspec.Struct, frozen=True, array_like=True):
    """What a worker makes a wire message of. `message`: the submission, octet for octet; `html`: the caller's own.

    `message_id` and `date` are for a submission that has none. `signature` is empty when there is none to append.
    """

    message: bytes
    html: bytes | None
    text_only: bool
    signature: str
    message_id: str
    date: float
    auto_submitted: bool = False


class Composed(msgspec.Struct, frozen=True, array_like=True):
    """A wire message, unsigned. CRLF line ends throughout, lines of at most 998 octets.

    `head` ends with its last field's CRLF; `body` is what follows the empty line. `body_hash` is the SHA-256 of the
    body in relaxed canonical form (RFC 6376 section 3.4.4). `source` is the text with its signature, and `attachments`
    are the files, both for the sent record.
    """

    head: bytes
    body: bytes
    body_hash: bytes
    format: OutboundFormat
    source: str
    attachments: tuple[Attachment, ...] = ()


class Parcel(msgspec.Struct, frozen=True):
    """A signed message and its reverse-path. `octets` end with CRLF and are not dot-stuffed.

    `smtputf8`: an address or header needs RFC 6531. `eight_bit`: the body needs 8BITMIME (RFC 6152). `uid`: the owner
    of the mailbox, whose mail together leaves room for that of others; None: nobody's.
    """

    reverse_path: str
    octets: bytes
    smtputf8: bool = False
    eight_bit: bool = False
    uid: int | None = None


class RecipientOutcome(msgspec.Struct, frozen=True, array_like=True):
    """What became of one recipient. `reply`: the remote's text, or our reason, on one line. `host`: who said it.

    `unknown`: the connection was lost after the final dot, so the message may have been delivered (O4).
    """

    rcpt: str
    result: Result
    reply: str
    host: str = ""


class Claim(msgspec.Struct, frozen=True, array_like=True):
    """A send under a key of its caller's: the same message under the same key is sent once.

    `digest` is of what was submitted, without its Date and Message-ID.
    """

    uid: int
    key: str
    digest: bytes


class FirstAnswer(msgspec.Struct, frozen=True, array_like=True):
    """What the caller of a claimed send was told. `code` empty: that it was delivered, and `text` is the Message-ID."""

    code: str
    text: str


class Record(msgspec.Struct, frozen=True):
    """The outcome as the sent record and the hooks tell it (S6). `details` is empty when there is nothing to say."""

    status: SendStatus
    delivered_at: float | None = None
    details: str = ""
