"""A parsed message: what a worker found in hostile octets, as inert values."""

import msgspec

from aimx.model.authres import NOTHING_VERIFIED, AuthResults


class Attachment(msgspec.Struct, frozen=True, array_like=True):
    """One attachment, its name already safe as a file name and unique within the message."""

    filename: str
    content_type: str
    content: bytes


class Headers(msgspec.Struct, frozen=True, array_like=True):
    """Decoded, cleaned header values (R7): single lines without control or invisible characters.

    Message-IDs are without brackets. `from_`, `to`, `cc`, `reply_to` are display text. `date` is RFC 3339.
    `author` is the addr-spec of the one From address; None when there is not exactly one From field with one address.
    `from_problem` then says why (`no-from`, `multiple-from`, `unreadable-from`, `malformed-header`); empty otherwise.
    `to` is the first recipient of the To field (guide); `to_all` is all of them when there are more.
    `repeated` names the fields that may occur once and occur more often (lower case, space separated).
    """

    from_: str
    to: str
    cc: str
    reply_to: str
    subject: str
    date: str
    message_id: str
    in_reply_to: str
    references: str
    list_id: str
    auto_submitted: str
    thread_id: str
    author: str | None
    from_problem: str
    automated: bool
    repeated: str = ""
    to_all: str = ""


class Examined(msgspec.Struct, frozen=True, array_like=True):
    """The result of examining one message. `examined` is False when analysis was lost and the raw text stands in."""

    headers: Headers
    body: str
    attachments: tuple[Attachment, ...]
    auth: AuthResults
    size_octets: int
    examined: bool = True


def with_auth(message: Examined, auth: AuthResults) -> Examined:
    """The same message with its authentication results."""
    return msgspec.structs.replace(message, auth=auth)


__all__ = ["NOTHING_VERIFIED", "Attachment", "AuthResults", "Examined", "Headers", "with_auth"]
