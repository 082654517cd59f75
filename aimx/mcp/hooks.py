"""The guide's three tools for hooks."""

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from aimx import limits
from aimx.mcp.parameters import MailboxName
from aimx.mcp.tool import Call, Hints, Told, Tool, ToolError, line, rows
from aimx.wire.frames import HookCreate, HookDelete, HookList, MailboxShow

_KEYS = ("name", "mailbox", "event", "cmd", "timeout_secs", "fire_on_untrusted")
_EVENTS = ["on_receive", "after_send"]


class Creation(msgspec.Struct, frozen=True):
    """What `hook_create` takes."""

    mailbox: Annotated[str, Meta(description="Mailbox whose mail fires the hook; one that you own.")]
    event: Annotated[
        str,
        Meta(
            description='"on_receive" (mail has arrived) or "after_send" (mail was sent).',
            extra_json_schema={"enum": _EVENTS},
        ),
    ]
    cmd: Annotated[
        list[str],
        Meta(
            description="Argv that is executed directly, without a shell; cmd[0] is an absolute path. The .md file of"
            " the email is its standard input, and $AIMX_FILEPATH, $AIMX_SUBJECT and $AIMX_FROM name what it is about."
        ),
    ]
    name: (
        Annotated[str, Meta(description="Name of the hook, unique on this server; without one it is derived.")]
        | UnsetType
    ) = UNSET
    timeout_secs: Annotated[
        int,
        Meta(
            description="Seconds after which it is stopped; 1 to 600, default 60.",
            extra_json_schema={"minimum": 1, "maximum": limits.HOOK_TIMEOUT_MAX_S},
        ),
    ] = limits.HOOK_TIMEOUT_DEFAULT_S
    fire_on_untrusted: Annotated[
        bool,
        Meta(
            description="on_receive only: fire also for mail whose sender is not trusted, that is for anybody on the"
            " internet. Leave it false unless the user explicitly asked for it."
        ),
    ] = False


class Created(msgspec.Struct, frozen=True):
    """What `hook_create` gives."""

    effective_name: Annotated[str, Meta(description="The name that the hook has.")]


async def _create(call: Call, asked: Creation) -> Told:
    if not asked.cmd:
        raise ToolError("cmd must not be empty")
    body: dict[str, Any] = {"cmd": asked.cmd, "fire_on_untrusted": asked.fire_on_untrusted, "type": "cmd"}
    if asked.timeout_secs != limits.HOOK_TIMEOUT_DEFAULT_S:
        body["timeout_secs"] = asked.timeout_secs
    name = None if isinstance(asked.name, UnsetType) else asked.name
    request = HookCreate(asked.mailbox, asked.event, msgspec.json.encode(body), name, "json")
    created = await call.daemon.value(request)
    return line(msgspec.json.encode(created).decode(), **created)


class Filter(msgspec.Struct, frozen=True):
    """What `hook_list` takes."""

    mailbox: MailboxName | UnsetType = UNSET


class Hook(msgspec.Struct, frozen=True):
    """A row of `hook_list`."""

    name: str
    mailbox: str
    event: str
    cmd: list[str]
    timeout_secs: int
    fire_on_untrusted: bool


class Listed(msgspec.Struct, frozen=True):
    """What `hook_list` gives."""

    result: list[Hook]


async def _list(call: Call, asked: Filter) -> Told:
    if isinstance(asked.mailbox, UnsetType):
        found = await call.daemon.value(HookList())
    else:
        shown = await call.daemon.value(MailboxShow(asked.mailbox))  # refuses what is not the caller's
        both = ((event, hook) for event, hooks in shown["hooks"].items() for hook in hooks)
        found = [{**hook, "mailbox": shown["name"], "event": event} for event, hook in both]
        found.sort(key=lambda hook: (hook["event"], hook["name"]))
    return rows([{key: hook[key] for key in _KEYS} for hook in found])


class Deletion(msgspec.Struct, frozen=True):
    """What `hook_delete` takes."""

    name: Annotated[str, Meta(description="Name of the hook, explicit or derived, as hook_list shows it.")]


class Deleted(msgspec.Struct, frozen=True):
    """What `hook_delete` gives."""

    deleted: Annotated[str, Meta(description="Name of the hook that is gone.")]


async def _delete(call: Call, asked: Deletion) -> Told:
    try:
        await call.daemon.done(HookDelete(asked.name))
    except ToolError as error:
        if str(error).startswith("ENOENT"):  # missing and foreign look the same (U1)
            raise ToolError(f"Hook '{asked.name}' not found") from None
        raise
    return line(f"Hook '{asked.name}' deleted.", deleted=asked.name)


TOOLS = (
    Tool(
        "hook_create",
        "Create a hook",
        "Make a command run, as the owner of the mailbox, whenever mail arrives in it or was sent from it. It runs"
        " until it is deleted: create one only when the user asked for it, and tell the user afterwards what will"
        " trigger it.",
        Creation,
        Created,
        Hints(read_only=False, destructive=True, idempotent=False, open_world=False),
        _create,
    ),
    Tool(
        "hook_list",
        "List hooks",
        "List the hooks of your mailboxes, or of one of them.",
        Filter,
        Listed,
        Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
        _list,
    ),
    Tool(
        "hook_delete",
        "Delete a hook",
        "Delete a hook of a mailbox of yours. What the operator set up only root deletes.",
        Deletion,
        Deleted,
        Hints(read_only=False, destructive=True, idempotent=True, open_world=False),
        _delete,
    ),
)
