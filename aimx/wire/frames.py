"""Request and response frames of AIMX/1 and the one table that says how each is written.

The codec, the page of the book and the dictionary of the fuzz tests are derived from it. Never reads or writes.
Frames are named tuples, because a client that starts for one request cannot wait for msgspec to load; a request is
known by its type, never by its truth.
"""

from typing import Literal, NamedTuple


class Send(NamedTuple):
    """Sign and deliver an unsigned message. `html` None: none was supplied; empty octets are a supplied body."""

    message: bytes
    html: bytes | None = None
    text_only: bool = False
    hook_job: str | None = None  # U5: the token of the hook that this is sent from
    dry_run: bool = False
    idempotency_key: str | None = None  # the same message under the same key is sent once


class MarkRead(NamedTuple):
    """Mark a mail of the inbox as read."""

    mailbox: str
    id: str


class MarkUnread(NamedTuple):
    """Mark a mail of the inbox as unread."""

    mailbox: str
    id: str


class MailboxCreate(NamedTuple):
    """Add a mailbox. `owner` counts for root only; for others it is the caller."""

    name: str
    owner: str | None = None


class MailboxDelete(NamedTuple):
    """Remove a mailbox; `force` with its mail."""

    name: str
    force: bool = False


class MailboxList(NamedTuple):
    """The caller's mailboxes."""


class HookCreate(NamedTuple):
    """Add a hook. The JSON in `body` is read after authorization, so that it tells nothing to strangers."""

    mailbox: str
    event: str
    body: bytes
    name: str | None = None  # None: the name is derived from what the hook does
    answer: str | None = None  # "json": the answer tells the name; whoever does not ask gets what it always got (U2)


class HookDelete(NamedTuple):
    """Remove a hook by its effective name."""

    name: str


class HookList(NamedTuple):
    """The hooks of the caller's mailboxes."""


class Version(NamedTuple):
    """Ask for the daemon's build metadata. Anybody may."""


class Ingest(NamedTuple):
    """Deliver a raw message for `rcpt` as if it had arrived by SMTP. Extension, root only."""

    rcpt: str
    body: bytes


class EmailList(NamedTuple):
    """A page of mail, newest first. Extension. Empty and None ask nothing; no mailbox: all of the caller's.

    `folder`: inbox (default), sent or all. `from_` to `before` narrow it as the words of a search do.
    """

    mailbox: str | None = None
    folder: str | None = None
    limit: int | None = None
    offset: int | None = None
    cursor: str | None = None
    unread: bool | None = None
    has_attachment: bool | None = None
    from_: str | None = None
    to: str | None = None
    subject: str | None = None
    since: str | None = None
    before: str | None = None
    thread: str | None = None
    text: str | None = None


class EmailSearch(NamedTuple):
    """The same narrowed by a query in the search language. Extension."""

    query: str
    mailbox: str | None = None
    folder: str | None = None
    limit: int | None = None
    offset: int | None = None
    cursor: str | None = None
    unread: bool | None = None
    has_attachment: bool | None = None
    from_: str | None = None
    to: str | None = None
    subject: str | None = None
    since: str | None = None
    before: str | None = None
    thread: str | None = None
    text: str | None = None


class EmailRead(NamedTuple):
    """A piece of a message file: at most `most` octets from the octet `offset`. Extension."""

    mailbox: str
    id: str
    folder: str | None = None
    offset: int | None = None
    most: int | None = None


class AttachmentRead(NamedTuple):
    """A piece of an attachment: at most `most` octets from the octet `offset`. Extension."""

    mailbox: str
    id: str
    name: str
    folder: str | None = None
    offset: int | None = None
    most: int | None = None


class Thread(NamedTuple):
    """The conversation that a message belongs to (U9). Extension."""

    mailbox: str
    id: str
    folder: str | None = None


class MailboxShow(NamedTuple):
    """One mailbox with its policy, hooks and counts. Extension."""

    name: str


class HookRuns(NamedTuple):
    """Past and waiting hook runs, newest first. Extension."""

    mailbox: str | None = None
    hook: str | None = None
    id: str | None = None
    limit: int | None = None


class HookExplain(NamedTuple):
    """Whether a hook fires for a message, gate by gate. Extension."""

    hook: str
    id: str


class HookTest(NamedTuple):
    """Run a hook now, for a message or (no `id`) for a sample, and tell how it ended. Extension."""

    hook: str
    id: str | None = None


class Status(NamedTuple):
    """How the daemon is. Extension; what concerns others' mailboxes is told to root only."""


class Watch(NamedTuple):
    """Events as they happen, from the one after the cursor. Extension, answered by a stream."""

    after: str | None = None
    mailbox: str | None = None


class Reindex(NamedTuple):
    """Build the index anew from the mail itself. Extension, root only, answered by a stream of progress."""

    mailbox: str | None = None


Request = (
    Send | MarkRead | MarkUnread | MailboxCreate | MailboxDelete | MailboxList | HookCreate | HookDelete | HookList
    | Version | Ingest | EmailList | EmailSearch | EmailRead | Thread | MailboxShow | HookRuns | HookExplain | HookTest
    | Status | Watch | Reindex | AttachmentRead
)  # fmt: skip

Reading = Literal["text", "flag", "choice", "number", "owner", "body", "json", "empty"]
LENGTHS = frozenset({"body", "json", "empty"})


class Header(NamedTuple):
    """A known header of a verb: its name on the wire, the frame's attribute ("": read and dropped), how it is read.

    text: not empty. flag: `true` or `false`, absent when false. choice: the same, absent when None. number: an integer
    without sign. owner: the shape of a user name.
    body: octets to follow after the blank line, in the order of the table. empty: a length that can only be 0.
    json: an optional object that may stand for the headers.
    """

    name: str
    attribute: str
    reading: Reading = "text"
    required: bool = False
    truncated: str = "body truncated: expected {} bytes"


class Shape(NamedTuple):
    """How one verb is framed, and what its success looks like. Headers are written in this order.

    A `bare` verb takes no header at all; the others ignore headers they do not know (U2), but for the refused ones.
    """

    verb: str
    frame: type[Request]
    headers: tuple[Header, ...] = ()
    answers: tuple["Success", ...] = ("ack",)
    bare: bool = False
    label: str = ""  # how the reference calls the verb when a body is announced for it
    refused: tuple[tuple[str, str], ...] = ()  # header, text
    exclusive: tuple[str, str, str] | None = None  # two attributes, text


Success = Literal["id", "ack", "json", "stream"]

_MAILBOX = Header("Mailbox", "mailbox", required=True)
_NAME = Header("Name", "name", required=True)
_EMPTY = Header("Content-Length", "", "empty")
_MARK = (_MAILBOX, Header("Id", "id", required=True), _EMPTY)
_FOLDER = (("Folder", "Folder header is not allowed on MARK verbs; they act on the inbox"),)
_HTML_TRUNCATED = "html body truncated: expected {} bytes after main body"
_EXCLUSIVE = "AIMX/1 SEND: --text-only and --html-body are mutually exclusive"

_FILTER = (
    Header("Mailbox", "mailbox"),
    Header("Folder", "folder"),
    Header("Limit", "limit", "number"),
    Header("Offset", "offset", "number"),
    Header("Cursor", "cursor"),
    Header("Unread", "unread", "choice"),
    Header("Has-Attachment", "has_attachment", "choice"),
    Header("From", "from_"),
    Header("To", "to"),
    Header("Subject", "subject"),
    Header("Since", "since"),
    Header("Before", "before"),
    Header("Thread", "thread"),
    Header("Text", "text"),
    _EMPTY,
)
_ID = Header("Id", "id", required=True)
_HOOK = Header("Hook-Name", "hook", required=True)

SHAPES: tuple[Shape, ...] = (
    Shape(
        "SEND",
        Send,
        (
            Header("Text-Only", "text_only", "flag"),
            Header("Content-Length", "message", "body", required=True),
            Header("Html-Body-Length", "html", "body", truncated=_HTML_TRUNCATED),
            Header("Hook-Job", "hook_job"),
            Header("Dry-Run", "dry_run", "flag"),
            Header("Idempotency-Key", "idempotency_key"),
        ),
        answers=("id", "json"),
        exclusive=("text_only", "html", _EXCLUSIVE),
    ),
    Shape("MARK-READ", MarkRead, _MARK, label="MARK verb", refused=_FOLDER),
    Shape("MARK-UNREAD", MarkUnread, _MARK, label="MARK verb", refused=_FOLDER),
    Shape(
        "MAILBOX-CREATE",
        MailboxCreate,
        (_NAME, Header("Owner", "owner", "owner"), Header("Content-Length", "", "json")),
        refused=(("Force", "Force header is only valid on MAILBOX-DELETE"),),
    ),
    Shape(
        "MAILBOX-DELETE",
        MailboxDelete,
        (_NAME, Header("Force", "force", "flag"), Header("Owner", "", "owner"), _EMPTY),
        label="MAILBOX verb",
    ),
    Shape("MAILBOX-LIST", MailboxList, answers=("json",), bare=True),
    Shape(
        "HOOK-CREATE",
        HookCreate,
        (
            _MAILBOX,
            Header("Event", "event", required=True),
            Header("Name", "name"),
            Header("Answer", "answer"),
            Header("Content-Length", "body", "body", required=True),
        ),
        answers=("ack", "json"),
    ),
    Shape("HOOK-DELETE", HookDelete, (Header("Hook-Name", "name", required=True), _EMPTY), label="HOOK-DELETE"),
    Shape("HOOK-LIST", HookList, answers=("json",), bare=True),
    Shape("VERSION", Version, answers=("json",), bare=True),
    Shape(
        "INGEST",
        Ingest,
        (Header("Rcpt", "rcpt", required=True), Header("Content-Length", "body", "body", required=True)),
        answers=("json",),
    ),
    Shape("EMAIL-LIST", EmailList, _FILTER, answers=("json",)),
    Shape("EMAIL-SEARCH", EmailSearch, (Header("Query", "query", required=True), *_FILTER), answers=("json",)),
    Shape(
        "EMAIL-READ",
        EmailRead,
        (
            _MAILBOX,
            _ID,
            Header("Folder", "folder"),
            Header("Offset", "offset", "number"),
            Header("Max-Octets", "most", "number"),
            _EMPTY,
        ),
        answers=("json",),
    ),
    Shape(
        "ATTACHMENT-READ",
        AttachmentRead,
        (
            _MAILBOX,
            _ID,
            _NAME,
            Header("Folder", "folder"),
            Header("Offset", "offset", "number"),
            Header("Max-Octets", "most", "number"),
            _EMPTY,
        ),
        answers=("json",),
    ),
    Shape("THREAD", Thread, (_MAILBOX, _ID, Header("Folder", "folder"), _EMPTY), answers=("json",)),
    Shape("MAILBOX-SHOW", MailboxShow, (_NAME, _EMPTY), answers=("json",)),
    Shape(
        "HOOK-RUNS",
        HookRuns,
        (
            Header("Mailbox", "mailbox"),
            Header("Hook-Name", "hook"),
            Header("Id", "id"),
            Header("Limit", "limit", "number"),
            _EMPTY,
        ),
        answers=("json",),
    ),
    Shape("HOOK-EXPLAIN", HookExplain, (_HOOK, _ID, _EMPTY), answers=("json",)),
    Shape("HOOK-TEST", HookTest, (_HOOK, Header("Id", "id"), _EMPTY), answers=("json",)),
    Shape("STATUS", Status, (_EMPTY,), answers=("json",)),
    Shape("WATCH", Watch, (Header("After", "after"), Header("Mailbox", "mailbox"), _EMPTY), answers=("stream",)),
    Shape("REINDEX", Reindex, (Header("Mailbox", "mailbox"), _EMPTY), answers=("stream",)),
)
BY_VERB = {shape.verb: shape for shape in SHAPES}
BY_FRAME = {shape.frame: shape for shape in SHAPES}

Kind = Literal["ok", "json", "stream", "error"]


class Response(NamedTuple):
    """One answer: `ok` with a note (a message-id, may be empty), `json` with a body, `error` with code and reason.

    `stream`: lines of JSON follow until the end of input.
    """

    kind: Kind
    note: str = ""
    body: bytes = b""
    code: str = ""
    reason: str = ""
