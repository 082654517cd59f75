"""`email_search`: mail by the search language of `aimx emails search`."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from aimx import limits
from aimx.mcp import narrowing, untrusted
from aimx.mcp.narrowing import Narrowing
from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError
from aimx.mcp.untrusted import DATA
from aimx.wire.frames import EmailSearch

COLUMNS = ("mailbox", "folder", "id", "from", "to", "subject", "date", "read", "delivery_status", "attachments",
           "trusted", "thread_id")  # fmt: skip
_FOLDERS = ("inbox", "sent", "all")


class Search(Narrowing, frozen=True):
    """What `email_search` takes."""

    query: Annotated[
        str,
        Meta(
            description='Words that all must occur, "several words" in order, -word that must not, and from: to:'
            " subject: has:attachment is:unread in:sent in:all after:2026-11-01 before:7d thread:."
        ),
    ]
    mailbox: Annotated[str, Meta(description="Only this mailbox; left out: all that you own.")] = ""
    folder: Annotated[
        str, Meta(description='"inbox" (default), "sent" or "all".', extra_json_schema={"enum": list(_FOLDERS)})
    ] = ""
    limit: Annotated[int, Meta(description="Most rows; default 50, 200 at most.", ge=1)] = limits.LIST_ROWS


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A row that was found."""

    mailbox: str
    folder: str
    id: str
    from_: str = msgspec.field(name="from")
    to: str
    subject: str
    date: str
    attachments: int
    trusted: str
    thread_id: str
    read: bool | msgspec.UnsetType = msgspec.UNSET
    delivery_status: str | msgspec.UnsetType = msgspec.UNSET


class Hits(msgspec.Struct, frozen=True):
    """What `email_search` gives."""

    emails: list[Hit]
    next_cursor: Annotated[str | None, Meta(description="cursor of the next page; null when this is the last.")]


async def _search(call: Call, asked: Search) -> Told:
    words = " ".join(asked.query.split())
    if not words:
        raise ToolError("There is nothing to search for: query is empty. email_list lists mail.")
    if asked.folder not in ("", *_FOLDERS):
        raise ToolError(f'Invalid folder \'{asked.folder}\': expected "inbox", "sent" or "all".')
    limit = min(asked.limit, limits.LIST_ROWS_MAX)
    where: dict[str, Any] = {"mailbox": asked.mailbox or None, "folder": asked.folder or None}
    request = EmailSearch(words, **where, limit=limit, **narrowing.headers(asked))
    page = await call.daemon.value(request)
    found = list(page["emails"])
    while page["next"] is not None and 0 < len(found) < limit:  # looking took longer than one answer may
        page = await call.daemon.value(request._replace(cursor=page["next"], limit=limit - len(found)))
        found += page["emails"]
    return told({"emails": [row(email) for email in found], "next_cursor": page["next"]})


def row(email: dict[str, Any]) -> dict[str, Any]:
    """A row of the daemon as it is told."""
    return untrusted.columns(email, COLUMNS)


def told(value: dict[str, Any]) -> Told:
    """An object, as text and for programs alike."""
    return Told(msgspec.json.encode(value).decode(), value)


TOOL = Tool(
    "email_search",
    "Search emails",
    "Find mail in your mailboxes by words, people, dates and more, newest first." + DATA,
    Search,
    Hits,
    Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    _search,
    strict=True,
    core=False,
)
