"""Seam: what is asked of the index and of the mail on disk, and what comes back."""

from typing import Literal, NamedTuple

import msgspec

from aimx.model.delivery import Folder

TermField = Literal["", "from", "to", "subject"]


class Box(NamedTuple):
    """A mailbox that the caller may read: its name and its configured owner."""

    name: str
    owner: str


class Term(msgspec.Struct, frozen=True):
    """Words that a message must hold next to each other; `negated`: must not hold. `field` "": headers and body."""

    text: str
    field: TermField = ""
    negated: bool = False


class Query(msgspec.Struct, frozen=True):
    """What a message has to be. None and empty ask nothing; a list is a search with an empty query.

    `since` (inclusive) and `before` (exclusive) are seconds since the epoch, compared with the time of receipt or of
    sending. `thread` is a thread_id. `folder` None: both.
    """

    folder: Folder | None = "inbox"
    unread: bool | None = None
    has_attachment: bool | None = None
    since: float | None = None
    before: float | None = None
    thread: str = ""
    terms: tuple[Term, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """Which part of the result: `limit` rows after the row that `cursor` names, or after `offset` rows."""

    limit: int
    offset: int = 0
    cursor: str = ""


class Row(msgspec.Struct, frozen=True):
    """One message as lists show it. `path` is that of the message file; times are seconds since the epoch.

    `from_` to `status` are the frontmatter's texts, empty when it has no such field. `attachments` is a count. `size`:
    octets of the message file. `readable`: its frontmatter could be read; otherwise the texts are empty.
    """

    mailbox: str
    folder: Folder
    id: str
    path: str
    received_at: float
    bundle: bool
    attachments: int
    read: bool
    from_: str = ""
    to: str = ""
    subject: str = ""
    date: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    thread_id: str = ""
    trusted: str = ""
    dkim: str = ""
    spf: str = ""
    dmarc: str = ""
    automated: str = ""
    status: str = ""
    size: int = 0
    readable: bool = True


class Found(msgspec.Struct, frozen=True):
    """One page, newest id first; `next` is the cursor of the page after it, empty when this is the last.

    `cut`: the time for one page was over before it was full; the search goes on where `next` points.
    """

    rows: tuple[Row, ...]
    next: str = ""
    cut: bool = False


class Counts(msgspec.Struct, frozen=True):
    """How much mail a mailbox holds."""

    inbox: int = 0
    unread: int = 0
    sent: int = 0


class Piece(msgspec.Struct, frozen=True):
    """A part of a message file: whole characters from the octet `offset`; `next` None: the file ends here.

    `version` is another one whenever the file is: pieces of two versions do not belong together.
    """

    path: str
    text: str
    offset: int
    next: int | None
    total: int
    version: str


class FileOf(NamedTuple):
    """An attachment: a file of this name in the bundle of a message."""

    folder: Folder
    id: str
    name: str


class Chunk(msgspec.Struct, frozen=True):
    """A part of an attachment from the octet `offset`; `next` and `version` as in `Piece`."""

    path: str
    data: bytes
    offset: int
    next: int | None
    total: int
    version: str


class Progress(msgspec.Struct, frozen=True):
    """How far a rebuild of the index is. `total` is None until all has been counted; `done` counts messages."""

    mailbox: str
    done: int
    total: int | None
    finished: bool = False
