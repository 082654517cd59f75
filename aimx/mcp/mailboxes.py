"""The guide's three tools for mailboxes."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aimx.mcp.tool import Call, Hints, Told, Tool, rows
from aimx.wire.frames import MailboxList


class Nothing(msgspec.Struct, frozen=True):
    """No arguments."""


class Mailbox(msgspec.Struct, frozen=True):
    """A row of `mailbox_list`."""

    name: Annotated[str, Meta(description="Mailbox name (the local part).")]
    inbox_path: Annotated[str, Meta(description="Absolute path of the inbox directory.")]
    sent_path: Annotated[str, Meta(description="Absolute path of the sent directory.")]
    total: Annotated[int, Meta(description="Messages in the inbox.")]
    unread: Annotated[int, Meta(description="Of these, the unread ones.")]
    sent_count: Annotated[int, Meta(description="Messages in the sent folder.")]
    registered: Annotated[bool, Meta(description="False for a directory that no configured mailbox has.")]
    address: Annotated[str | None, Meta(description="Address of the mailbox; null when it is not registered.")] = None


class Mailboxes(msgspec.Struct, frozen=True):
    """What `mailbox_list` gives."""

    result: list[Mailbox]


async def _list(call: Call, _arguments: Nothing) -> Told:
    return rows(await call.daemon.value(MailboxList()))


TOOLS = (
    Tool(
        "mailbox_list",
        "List mailboxes",
        "List the mailboxes that you own, with their directories and counts. Start here to learn your addresses.",
        Nothing,
        Mailboxes,
        Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
        _list,
    ),
)
