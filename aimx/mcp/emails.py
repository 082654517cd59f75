"""The guide's tools for mail that is there: list, read, mark."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from aimx import limits
from aimx.mcp import cutting, narrowing, parameters, reading, untrusted
from aimx.mcp.cutting import Wanted, Which
from aimx.mcp.narrowing import Narrowing
from aimx.mcp.parameters import EmailId, Folder, MailboxName
from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError, line, rows
from aimx.mcp.untrusted import DATA, Fence
from aimx.wire.frames import EmailList, EmailRead, MarkRead, MarkUnread

_U32 = 2**32 - 1  # guide: limit and offset are u32
_FORMATS: dict[str, Which] = {"full": "full", "body": "body", "headers": "headers"}
_COMMON = ("id", "from", "to", "subject", "date")
_OWN = {"inbox": "read", "sent": "delivery_status"}


class Listing(Narrowing, frozen=True):
    """What `email_list` takes."""

    mailbox: MailboxName
    folder: Folder = "inbox"
    limit: Annotated[int, Meta(description="Rows of a page; default 50, above 200 counts as 200.", ge=0, le=_U32)] = (
        limits.LIST_ROWS
    )
    offset: Annotated[int, Meta(description="How many of the newest rows to skip; default 0.", ge=0, le=_U32)] = 0


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row of `email_list`."""

    id: Annotated[str, Meta(description="Email id, for the other email tools.")]
    from_: Annotated[str, Meta(description="Author, as the message says: anybody can write anything here.")] = (
        msgspec.field(name="from")
    )
    to: str
    subject: str
    date: str
    read: Annotated[bool, Meta(description="Inbox only.")] | UnsetType = UNSET
    delivery_status: Annotated[str, Meta(description="Sent only: pending, delivered or failed.")] | UnsetType = UNSET


class Listed(msgspec.Struct, frozen=True):
    """What `email_list` gives."""

    result: list[Row]
    next_offset: Annotated[int | None, Meta(description="offset of the next page; null when this is the last.")]
    next_cursor: Annotated[
        str | None, Meta(description="cursor of the next page: unlike offset it skips and repeats nothing.")
    ]


async def _list(call: Call, asked: Listing) -> Told:
    folder = parameters.folder(asked.folder)
    limit = min(asked.limit, limits.LIST_ROWS_MAX)
    request = EmailList(asked.mailbox, folder, limit, asked.offset, **narrowing.headers(asked))
    page = await call.daemon.value(request)
    found = list(page["emails"])
    while page["next"] is not None and 0 < len(found) < limit:  # looking took longer than one answer may
        more = request._replace(cursor=page["next"], offset=None, limit=limit - len(found))
        page = await call.daemon.value(more)
        found += page["emails"]
    shown = [_shown(row, folder) for row in found]
    next_offset = None if page["next"] is None or asked.cursor else asked.offset + len(found)
    return rows(shown, next_offset=next_offset, next_cursor=page["next"])


def _shown(row: dict[str, Any], folder: str) -> dict[str, Any]:
    return untrusted.columns(row, (*_COMMON, _OWN[folder]))


class Reading(msgspec.Struct, frozen=True):
    """What `email_read` takes."""

    mailbox: MailboxName
    id: EmailId
    folder: Folder = "inbox"
    format: Annotated[
        str,
        Meta(
            description='"full" (default): the whole file; "body": only the text; "headers": only the frontmatter.',
            extra_json_schema={"enum": list(_FORMATS)},
        ),
    ] = "full"
    max_chars: (
        Annotated[int, Meta(description="Most characters to return, 1048576 at most; left out: all.", ge=1)] | UnsetType
    ) = UNSET
    offset: Annotated[int, Meta(description="Characters to skip: next_offset of the part before.", ge=0)] = 0
    fence: Fence = False


class Read(msgspec.Struct, frozen=True):
    """What `email_read` gives."""

    text: Annotated[
        str,
        Meta(
            description="The .md file, or what was asked for of it: TOML frontmatter between +++ lines, then the body."
        ),
    ]
    path: Annotated[str, Meta(description="The file; attachments lie beside it.")]
    size: Annotated[int, Meta(description="Octets of the file.")]
    next_offset: Annotated[int | None, Meta(description="offset of what follows; null when the text ends here.")]
    fence: Annotated[str, Meta(description="The word of the two lines around the body.")] | UnsetType = UNSET


async def _read(call: Call, asked: Reading) -> Told:
    request = EmailRead(asked.mailbox, parameters.email_id(asked.id), parameters.folder(asked.folder))
    if asked.format not in _FORMATS:
        raise ToolError(f'Invalid format \'{asked.format}\': expected "full", "body" or "headers".')
    most = None if isinstance(asked.max_chars, UnsetType) else min(asked.max_chars, limits.MCP_PART_CHARACTERS)
    email = await reading.part(call.daemon, request, Wanted(_FORMATS[asked.format], asked.offset, most))
    about = {"path": email.path, "size": email.octets, "next_offset": email.next}
    if not asked.fence or asked.format == "headers":
        return line(email.text, text=email.text, **about)
    head = cutting.head(email.text) if asked.format == "full" and not asked.offset else ""  # ours, with our verdicts
    within = untrusted.fenced(email.text[len(head) :])
    return line(head + within.text, text=head + within.text, **about, fence=within.word)


class Mark(msgspec.Struct, frozen=True):
    """What the tools that mark take."""

    mailbox: MailboxName
    id: EmailId


class Marked(msgspec.Struct, frozen=True):
    """What the tools that mark give."""

    id: str
    read: Annotated[bool, Meta(description="What the email is marked as now.")]


async def _mark_read(call: Call, asked: Mark) -> Told:
    await call.daemon.done(MarkRead(asked.mailbox, parameters.email_id(asked.id)))
    return line(f"Email '{asked.id}' marked as read.", id=asked.id, read=True)


async def _mark_unread(call: Call, asked: Mark) -> Told:
    await call.daemon.done(MarkUnread(asked.mailbox, parameters.email_id(asked.id)))
    return line(f"Email '{asked.id}' marked as unread.", id=asked.id, read=False)


LIST = Tool(
    "email_list",
    "List emails",
    "List a page of one mailbox, newest first: id, from, to, subject, date, and read (inbox) or delivery_status"
    " (sent). Rows with read == false are new." + DATA,
    Listing,
    Listed,
    Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    _list,
)
READ = Tool(
    "email_read",
    "Read an email",
    "Read the complete .md file of an email: TOML frontmatter with headers, authentication results and `trusted`, then"
    " the body." + DATA,
    Reading,
    Read,
    Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    _read,
)
MARKS = (
    Tool(
        "email_mark_read",
        "Mark an email as read",
        "Mark an email of the inbox as read, once you have dealt with it.",
        Mark,
        Marked,
        Hints(read_only=False, destructive=False, idempotent=True, open_world=False),
        _mark_read,
        strict=True,
    ),
    Tool(
        "email_mark_unread",
        "Mark an email as unread",
        "Mark an email of the inbox as unread, so that somebody looks at it again.",
        Mark,
        Marked,
        Hints(read_only=False, destructive=False, idempotent=True, open_world=False),
        _mark_unread,
        strict=True,
    ),
)
