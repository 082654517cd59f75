"""The guide's three tools for mailboxes."""

import os
from typing import Annotated

import msgspec
from msgspec import Meta

from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError, line, rows
from aimx.model.config import CATCHALL_NAMES
from aimx.wire.frames import MailboxCreate, MailboxDelete, MailboxList, MailboxShow

ABSENT = "daemon must be running for non-root mailbox CRUD. Start with 'sudo systemctl start aimx'"
_CATCHALL = "VALIDATION: Cannot delete the catchall mailbox"
_FORCE = "; pass force: true (or use the CLI's interactive `aimx mailboxes delete {} --force` prompt) to wipe them"
_OWNER = "; as root run `aimx mailboxes create {} --owner <user>` instead"


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


class Name(msgspec.Struct, frozen=True):
    """What `mailbox_create` takes."""

    name: Annotated[
        str,
        Meta(
            description="Local part of the new address: [a-z0-9._-]+, not catchall or aimx-catchall.",
        ),
    ]


class Created(msgspec.Struct, frozen=True):
    """What `mailbox_create` gives."""

    name: str
    address: Annotated[str | None, Meta(description="Full address; null when it could not be looked up.")]


async def _create(call: Call, asked: Name) -> Told:
    """Idempotent: a mailbox that is the caller's already changes nothing (U1)."""
    try:
        await call.daemon.done(MailboxCreate(asked.name))
    except ToolError as error:
        if os.geteuid() == 0 and "Owner" in str(error):  # there is no owner parameter, by construction (guide)
            raise ToolError(f"{error}{_OWNER.format(asked.name)}") from None
        raise
    try:
        address = (await call.daemon.value(MailboxShow(asked.name)))["address"]
    except ToolError:  # it was made, whatever became of it since
        return line(f"Mailbox '{asked.name}' created.", name=asked.name, address=None)
    return line(address, name=asked.name, address=address)


class Deletion(msgspec.Struct, frozen=True):
    """What `mailbox_delete` takes."""

    name: Annotated[str, Meta(description="Mailbox to delete; one that you own.")]
    force: Annotated[
        bool,
        Meta(
            description="Also wipe all mail in it, inbox and sent. There is no undo: only when the user asked for it."
        ),
    ] = False


class Deleted(msgspec.Struct, frozen=True):
    """What `mailbox_delete` gives."""

    deleted: Annotated[str, Meta(description="Name of the mailbox that is gone.")]


async def _delete(call: Call, asked: Deletion) -> Told:
    if asked.name in CATCHALL_NAMES:
        raise ToolError(_CATCHALL)
    try:
        await call.daemon.done(MailboxDelete(asked.name, asked.force))
    except ToolError as error:
        if str(error).startswith("NONEMPTY"):
            raise ToolError(f"{error}{_FORCE.format(asked.name)}") from None
        raise
    return line(f"Mailbox '{asked.name}' deleted.", deleted=asked.name)


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
    Tool(
        "mailbox_create",
        "Create a mailbox",
        "Create a mailbox that belongs to you and give its full address. One that you own already is given back"
        " unchanged.",
        Name,
        Created,
        Hints(read_only=False, destructive=False, idempotent=True, open_world=False),
        _create,
        strict=True,
        absent=ABSENT,
    ),
    Tool(
        "mailbox_delete",
        "Delete a mailbox",
        "Delete a mailbox that you own. One that holds mail is refused unless force is true, which wipes that mail for"
        " good.",
        Deletion,
        Deleted,
        Hints(read_only=False, destructive=True, idempotent=True, open_world=False),
        _delete,
        strict=True,
        absent=ABSENT,
    ),
)
