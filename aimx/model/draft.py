"""Seam: a message as its author means it. mime.submission turns it into octets; CLI, MCP and TUI all compose so."""

from typing import NamedTuple

from aimx.model.address import NamedAddress


class DraftFile(NamedTuple):
    """An attachment as the author names it."""

    filename: str
    content_type: str
    content: bytes


class Draft(NamedTuple):
    """One message to submit. `date` is seconds since the epoch; `message_id` is without brackets.

    Without `message_id` the daemon makes one: for what is sent under a key, the same for the same.

    `body` is Markdown source or plain text, LF or CRLF line ends. `bcc` is written too; who delivers takes it out.
    """

    from_: NamedAddress
    to: tuple[NamedAddress, ...]
    subject: str
    body: str
    date: float
    message_id: str
    cc: tuple[NamedAddress, ...] = ()
    bcc: tuple[NamedAddress, ...] = ()
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    attachments: tuple[DraftFile, ...] = ()
    reply_to: tuple[NamedAddress, ...] = ()
