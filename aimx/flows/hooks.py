"""Hooks: list, create, delete. What a caller may see and change is decided by who owns their mailboxes."""

from collections.abc import Callable
from functools import partial

import msgspec
import trio

from aimx import limits, log
from aimx.config import hookedit, hooks, legacy, load
from aimx.config.fields import Place
from aimx.config.hookedit import File
from aimx.effects.api import Desk, Effects
from aimx.errors import CatchallHook, HookNotFound, InvalidBody, OperatorHook, Refused
from aimx.flows import target
from aimx.model.caller import Caller
from aimx.model.config import CATCHALL_NAMES, Config, Hook, HookEvent, Mailbox
from aimx.model.event import HookCreated, HookDeleted
from aimx.model.hook import Origin, Written
from aimx.policy import authorize
from aimx.policy.authorize import Authorized
from aimx.wire.frames import HookCreate, HookDelete, HookList, Response

_THREADS = trio.CapacityLimiter(1)
_STDIN = "hook sets removed field 'stdin' — the email is always piped to hooks; remove this key from the request"


class Listed(msgspec.Struct, frozen=True):
    """One row of HOOK-LIST: these six fields always, and no other (reference section 1.3)."""

    name: str
    mailbox: str
    event: HookEvent
    cmd: tuple[str, ...]
    fire_on_untrusted: bool
    timeout_secs: int


async def list_(fx: Effects, config: Config, _frame: HookList, authorized: Authorized) -> Response:
    """HOOK-LIST: by mailbox, event and name."""
    rows = [
        Listed(hook.name, mailbox.name, hook.event, hook.cmd, hook.fire_on_untrusted, hook.timeout_secs)
        for mailbox in await target.visible(fx, config, authorized.caller)
        for hook in mailbox.hooks
    ]
    rows.sort(key=lambda row: (row.mailbox, row.event, row.name))
    return Response("json", body=msgspec.json.encode(rows))


# HOOK-CREATE


async def creating(fx: Effects, config: Config, frame: HookCreate) -> authorize.Mailbox:
    """What HOOK-CREATE needs. Raises: CatchallHook, to everybody: there is one, and it never has hooks (U1)."""
    mailbox = config.mailboxes.get(frame.mailbox)
    if frame.mailbox in CATCHALL_NAMES if mailbox is None else mailbox.catchall:
        raise CatchallHook("catchall does not support hooks")
    return await target.action(fx, config, frame.mailbox)


async def create(fx: Effects, _config: Config, frame: HookCreate, authorized: Authorized) -> Response:
    """HOOK-CREATE.

    Commits: config.toml with the hook, and who made it; both are in force when the caller gets the name.
    """
    mailbox = target.mailbox(authorized, frame.mailbox)
    hook = _requested(mailbox.name, frame)
    origin: Origin = "operator" if authorized.caller.is_root else "mcp"
    written = Written(mailbox.name, hook.name, hook.event, hook.cmd)
    desk = target.desk(fx)
    add = partial(_added, desk, mailbox, hook, written, origin)
    await _change(
        desk, authorized.caller, add, lambda done: desk.origins.conclude(written, origin == "mcp" if done else None)
    )
    log.info("hook-created", hook_name=hook.name, mailbox=mailbox.name, origin=origin, caller_uid=authorized.caller.uid)
    uid = _uid(authorized)
    await fx.events.tell(
        HookCreated(at=fx.now(), mailbox=mailbox.name, owner_uid=uid, hook=hook.name, event=hook.event, origin=origin),
    )
    if frame.answer == "json":
        return Response("json", body=msgspec.json.encode({"effective_name": hook.name}))
    return Response("ok")


def _added(desk: Desk, mailbox: Mailbox, hook: Hook, written: Written, origin: Origin, file: File) -> str:
    """The text of config.toml with the hook; the register is ahead of it. Raises: Refused, StorageFailed."""
    text = file.text
    _refuse_other_owner(text, mailbox)
    there = hookedit.hooks(text)
    if any(other.name == hook.name for other in there):
        raise Refused(_taken(hook))
    if origin == "mcp":
        _refuse_too_much(desk.settings.current, mailbox, (*there, written))
    result = hookedit.added(text, mailbox.name, hook, file.document)
    before, after = load.digest(text.encode()), load.digest(result.encode())
    if origin == "mcp":
        desk.origins.announce(written, after, there, before)
    else:
        desk.origins.withdraw(written, there, before)
    return result


def _refuse_too_much(config: Config, mailbox: Mailbox, hooks: tuple[Written, ...]) -> None:
    """config.toml is everybody's, and every change of it reads all of it. Raises: Refused."""
    if sum(hook.mailbox == mailbox.name for hook in hooks) > limits.HOOKS_PER_MAILBOX:
        raise Refused(f"mailbox '{mailbox.name}' has {limits.HOOKS_PER_MAILBOX} hooks, which is the limit; delete one")
    owned = {one.name for one in config.mailboxes.values() if one.owner == mailbox.owner}
    octets = sum(
        limits.HOOK_ENTRY_OCTETS + sum(limits.HOOK_WORD_OCTETS + len(word.encode()) for word in hook.cmd)
        for hook in hooks
        if hook.mailbox in owned
    )
    if octets > limits.HOOKS_OCTETS_PER_OWNER:
        most = limits.HOOKS_OCTETS_PER_OWNER // limits.KIB
        raise Refused(f"the hooks of one owner take at most {most} KiB; delete one, or put long commands into a script")


def _taken(hook: Hook) -> str:
    """Says nothing about whose it is: names are unique across all mailboxes (U10)."""
    if hook.explicit_name:
        return f"hook name '{hook.name}' is already in use; choose another one with --name"
    return f"derived hook name '{hook.name}' is already in use (same event and cmd); give the hook its own with --name"


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What HOOK-CREATE says in JSON."""

    cmd: list[str]
    fire_on_untrusted: bool = False
    type: str = "cmd"
    timeout_secs: int = limits.HOOK_TIMEOUT_DEFAULT_S
    skip_automated: bool = False


def _requested(mailbox: str, frame: HookCreate) -> Hook:
    """The hook that is asked for, by the rules of config.toml (U8). Raises: Refused, InvalidBody."""
    place = Place("")
    hooks.check_event(place, frame.event)
    if frame.name is not None:
        hooks.check_name(place, frame.name)
    fields = msgspec.structs.asdict(_body(frame.body))
    fields["event"] = frame.event
    if frame.name is not None:
        fields["name"] = frame.name
    return hooks.read(place, mailbox, fields)


def _body(octets: bytes) -> _Body:
    if len(octets) > limits.HOOK_BODY_OCTETS:
        raise InvalidBody(f"invalid HOOK-CREATE body: longer than {limits.HOOK_BODY_OCTETS} bytes")
    try:
        keys = msgspec.json.decode(octets, type=dict[str, msgspec.Raw])
        for key in keys:
            _refuse_legacy(key)
        body = msgspec.json.decode(octets, type=_Body)
        "".join(body.cmd).encode()
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidBody(f"invalid HOOK-CREATE body: {error}") from error
    if len(body.cmd) > limits.HOOK_WORDS:
        raise Refused(f"hook has {len(body.cmd)} words in `cmd`, more than {limits.HOOK_WORDS}; put them into a script")
    if any("\0" in word for word in body.cmd):
        raise Refused("hook has a NUL character in `cmd`; remove it")
    return body


def _refuse_legacy(key: str) -> None:
    if key == "stdin":
        raise InvalidBody(_STDIN)
    if key in legacy.HOOK_FIELDS:
        raise InvalidBody(legacy.HOOK_FIELDS[key])


# HOOK-DELETE


async def deleting(fx: Effects, config: Config, frame: HookDelete) -> authorize.Hook:
    """What HOOK-DELETE needs."""
    return await target.hook(fx, config, frame.name)


async def delete(fx: Effects, _config: Config, _frame: HookDelete, authorized: Authorized) -> Response:
    """HOOK-DELETE. A hook of the operator's is deleted by root only (U3).

    Commits: config.toml without the hook.
    """
    mailbox, hook = target.the_hook(authorized)
    desk = target.desk(fx)
    gone: list[Written] = []
    remove = partial(_removed, desk, authorized.caller, mailbox, hook.name, gone)
    await _change(desk, authorized.caller, remove, lambda done: _forget(desk, gone, False if done else None))
    log.info("hook-deleted", hook_name=hook.name, mailbox=mailbox.name, caller_uid=authorized.caller.uid)
    await fx.events.tell(HookDeleted(at=fx.now(), mailbox=mailbox.name, owner_uid=_uid(authorized), hook=hook.name))
    return Response("ok")


def _removed(desk: Desk, caller: Caller, mailbox: Mailbox, name: str, gone: list[Written], file: File) -> str:
    text = file.text
    _refuse_other_owner(text, mailbox)
    there = hookedit.hooks(text)
    found = next((hook for hook in there if (hook.mailbox, hook.name) == (mailbox.name, name)), None)
    if found is None:
        raise HookNotFound(f"hook '{name}' not found")
    before = load.digest(text.encode())
    if not caller.is_root and desk.origins.of(found, before) == "operator":
        raise OperatorHook(f"hook '{name}' was set up by the operator; to delete it: sudo aimx hooks delete {name}")
    result = hookedit.removed(text, mailbox.name, name, file.document)
    gone[:] = [found]
    desk.origins.withdraw(found, there, before)
    return result


def _forget(desk: Desk, gone: list[Written], exists: bool | None) -> None:
    for hook in gone:
        desk.origins.conclude(hook, exists)


# Both


def _refuse_other_owner(text: str, mailbox: Mailbox) -> None:
    """An edit merges into the file as it is now; who may make it was decided from what is in force.

    Raises: Refused.
    """
    if hookedit.owner(text, mailbox.name) != mailbox.owner:
        raise Refused(
            f"config.toml was edited and not reloaded, and mailbox '{mailbox.name}' changes hands there;"
            " run `systemctl reload aimx` first"
        )


async def _change(desk: Desk, caller: Caller, change: Callable[[File], str], conclude: Callable[[bool], None]) -> None:
    """Edit config.toml, then settle the register, before anybody else's turn. Raises: as `target.change`."""
    async with desk.settings.alone() as alone:
        done = False
        try:
            await target.change(alone, hookedit.by_text(change), caller)
            done = True
        finally:
            await trio.to_thread.run_sync(conclude, done, limiter=_THREADS)


def _uid(authorized: Authorized) -> int | None:
    """The owner of the mailbox that it was about."""
    assert isinstance(authorized.action, authorize.Mailbox | authorize.Hook)
    return authorized.action.owner_uid
