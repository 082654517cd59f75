"""`thread_read`: a conversation of both folders with its texts, oldest first (U9)."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from aimx import limits
from aimx.mcp import parameters, reading, untrusted
from aimx.mcp.cutting import Wanted
from aimx.mcp.parameters import EmailId, Folder, MailboxName
from aimx.mcp.searching import Hit, row, told
from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError
from aimx.mcp.untrusted import DATA, Fence
from aimx.wire.frames import EmailRead, Thread


class Asked(msgspec.Struct, frozen=True):
    """What `thread_read` takes."""

    mailbox: MailboxName
    id: EmailId
    folder: Folder = "inbox"
    limit: Annotated[
        int, Meta(description="How many emails, the newest of the conversation; default 20, 100 at most.", ge=1)
    ] = limits.MCP_THREAD_ROWS
    max_chars: Annotated[
        int, Meta(description="Characters of each body; default 4000. email_read has the rest.", ge=0)
    ] = limits.MCP_THREAD_CHARACTERS
    fence: Fence = False


class Email(Hit, frozen=True, kw_only=True, omit_defaults=True):
    """One email of it."""

    body: Annotated[str, Meta(description="Its text, or the beginning of it.")]
    next_offset: Annotated[
        int | None, Meta(description='offset for email_read with format "body" to go on; null when body is all.')
    ]
    fence: Annotated[str, Meta(description="The word of the lines around body.")] | UnsetType = UNSET


class Conversation(msgspec.Struct, frozen=True):
    """What `thread_read` gives."""

    emails: list[Email]
    total: Annotated[int, Meta(description="Emails of the conversation; older ones than those told are left out.")]


async def _read(call: Call, asked: Asked) -> Told:
    folder = parameters.folder(asked.folder)
    found = await call.daemon.value(Thread(asked.mailbox, parameters.email_id(asked.id), folder))
    newest = found["emails"][-min(asked.limit, limits.MCP_THREAD_ROWS_MAX) :]
    left, emails = limits.MCP_THREAD_CHARACTERS_MAX, []
    for email in reversed(newest):  # what is new matters most
        most = min(asked.max_chars, left)
        emails.append({**row(email), **await _body(call, email, most, asked.fence)})
        left -= len(emails[-1]["body"])
        left = max(0, left)
    return told({"emails": emails[::-1], "total": len(found["emails"])})


async def _body(call: Call, email: dict[str, Any], most: int, fence: bool) -> dict[str, Any]:
    request = EmailRead(email["mailbox"], email["id"], email["folder"])
    try:
        part = await reading.part(call.daemon, request, Wanted("body", 0, most))
    except ToolError:  # deleted or changed a moment ago: the others are still to be told
        return {"body": "", "next_offset": 0}
    if not fence:
        return {"body": part.text, "next_offset": part.next}
    within = untrusted.fenced(part.text)
    return {"body": within.text, "next_offset": part.next, "fence": within.word}


TOOL = Tool(
    "thread_read",
    "Read a conversation",
    "Read the conversation that an email belongs to: what was received and what was sent, oldest first, each with its"
    " text. Use it before you answer." + DATA,
    Asked,
    Conversation,
    Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    _read,
    strict=True,
    core=False,
)
