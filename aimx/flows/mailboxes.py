"""Mailboxes: list, show, create, delete. What changes one happens under all locks, decided anew under them."""

import msgspec
import trio

from aimx import limits, log
from aimx.config import change
from aimx.effects.accounts import Identity
from aimx.effects.api import Alone, Desk, Effects
from aimx.errors import MailboxNotEmpty, MailboxTaken, Refused
from aimx.flows import target
from aimx.model.address import folded
from aimx.model.caller import Caller
from aimx.model.config import CATCHALL_NAMES, Config, Hook, Mailbox
from aimx.model.event import MailboxCreated, MailboxDeleted
from aimx.model.hook import Origin, Written
from aimx.model.place import Contents
from aimx.model.query import Box, Counts
from aimx.policy import authorize, mailboxname
from aimx.policy.authorize import Action, Anyone, Authorized
from aimx.store import layout
from aimx.wire.frames import MailboxCreate, MailboxDelete, MailboxList, MailboxShow, Response


class Listed(msgspec.Struct, frozen=True):
    """One row of MAILBOX-LIST (reference section 1.3)."""

    name: str
    address: str | None
    inbox_path: str
    sent_path: str
    total: int
    unread: int
    sent_count: int
    registered: bool


class ShownHook(msgspec.Struct, frozen=True):
    """A hook as MAILBOX-SHOW tells it. `origin`: who made it (U3)."""

    name: str
    cmd: tuple[str, ...]
    fire_on_untrusted: bool
    timeout_secs: int
    skip_automated: bool
    origin: Origin


class Shown(msgspec.Struct, frozen=True):
    """The answer of MAILBOX-SHOW. `trust` and `trusted_senders` are the effective ones."""

    name: str
    address: str
    owner: str
    trust: str
    trusted_senders: tuple[str, ...]
    catchall: bool
    hooks: dict[str, tuple[ShownHook, ...]]
    inbox_path: str
    sent_path: str
    total: int
    unread: int
    sent_count: int


async def list_(fx: Effects, config: Config, _frame: MailboxList, authorized: Authorized) -> Response:
    """MAILBOX-LIST: the caller's mailboxes, and directories below inbox/ of his that belong to no mailbox."""
    caller, desk = authorized.caller, target.desk(fx)
    rows: list[tuple[Box, str | None]] = [
        (target.box(mailbox), mailbox.address) for mailbox in await target.visible(fx, config, caller)
    ]
    registered = {box.name for box, _ in rows}
    strays = await desk.directories.strays(frozenset(config.mailboxes))
    rows += [
        (Box(stray.name, stray.owner or ""), None) for stray in strays if caller.is_root or stray.uid == caller.uid
    ]
    rows.sort(key=lambda row: row[0].name.encode())
    counts = await desk.mails.counts(tuple(box for box, _ in rows))
    listed = [_listed(config, box, address, counts[box.name], box.name in registered) for box, address in rows]
    return Response("json", body=msgspec.json.encode(listed))


def _listed(config: Config, box: Box, address: str | None, count: Counts, registered: bool) -> Listed:
    inbox, sent = (layout.mailbox_path(config.data_dir, folder, box.name) for folder in ("inbox", "sent"))
    return Listed(box.name, address, inbox, sent, count.inbox, count.unread, count.sent, registered)


async def show_action(fx: Effects, config: Config, frame: MailboxShow) -> Action:
    """Act on a mailbox."""
    return await target.action(fx, config, frame.name)


async def show(fx: Effects, config: Config, frame: MailboxShow, authorized: Authorized) -> Response:
    """MAILBOX-SHOW. Raises: MailboxNotFound."""
    mailbox = target.mailbox(authorized, frame.name)
    hooks = await trio.to_thread.run_sync(_hooks, target.desk(fx), config, mailbox)
    counts = await target.desk(fx).mails.counts((target.box(mailbox),))
    row = _listed(config, target.box(mailbox), mailbox.address, counts[mailbox.name], registered=True)
    shown = Shown(
        mailbox.name, mailbox.address, mailbox.owner, mailbox.trust, mailbox.trusted_senders, mailbox.catchall,
        hooks, row.inbox_path, row.sent_path, row.total, row.unread, row.sent_count,
    )  # fmt: skip
    return Response("json", body=msgspec.json.encode(shown))


def _hooks(desk: Desk, config: Config, mailbox: Mailbox) -> dict[str, tuple[ShownHook, ...]]:
    """By event, in the order of config.toml. Blocking: who made them is in a file."""

    def shown(hook: Hook) -> ShownHook:
        origin = desk.origins.of(Written(mailbox.name, hook.name, hook.event, hook.cmd), config.source)
        return ShownHook(hook.name, hook.cmd, hook.fire_on_untrusted, hook.timeout_secs, hook.skip_automated, origin)

    events = ("on_receive", "after_send")
    return {event: tuple(shown(hook) for hook in mailbox.hooks if hook.event == event) for event in events}


# Create


async def create_action(fx: Effects, config: Config, frame: MailboxCreate) -> Action:
    """Anybody may make a mailbox that is free; one that is there already is for its owner and root.

    Of a name that is kept for root only `create` says whose it is: missing and foreign are refused in the same words.
    Raises: Refused for a name that no mailbox can have.
    """
    mailboxname.check(frame.name)
    return Anyone() if frame.name in mailboxname.ROLES else await _there(fx, config, frame.name)


async def _there(fx: Effects, config: Config, name: str) -> Anyone | authorize.Mailbox:
    found = _in_the_way(config, name)
    return Anyone() if found is None else await target.action(fx, config, found.name)


def _in_the_way(config: Config, name: str) -> Mailbox | None:
    """The mailbox that has this name, or takes the mail for it, already."""
    exact = config.mailboxes.get(name)
    if exact is not None:
        return exact
    address = folded(f"{name}@{config.domain}")
    return next(
        (one for one in config.mailboxes.values() if folded(one.name) == name or folded(one.address) == address), None
    )


async def create(fx: Effects, _config: Config, frame: MailboxCreate, authorized: Authorized) -> Response:
    """MAILBOX-CREATE: both directories and the table in config.toml, in force when it returns; or nothing.

    Raises: NotAuthorized, MailboxTaken, DirectoryConflict, Refused, StorageFailed, ResourcesExhausted.
    """
    caller, desk = authorized.caller, target.desk(fx)
    owner = await _owner(fx, frame, caller)
    async with desk.settings.alone(frame.name) as alone:
        there = await _there(fx, alone.current, frame.name)  # it may have been made meanwhile
        mine = isinstance(there, authorize.Mailbox) and there.owner_uid == caller.uid
        if not caller.is_root and not mine:
            mailboxname.check_role(frame.name)
        authorize.authorize(caller, there)
        if isinstance(there, authorize.Mailbox):
            _same(there, frame.name, owner)
            return Response("ok")
        if not caller.is_root:
            await _refuse_many(fx, desk, alone.current, (frame.name, caller))
        await _make(fx, desk, alone, (frame.name, owner, caller))
    return Response("ok")


async def _refuse_many(fx: Effects, desk: Desk, config: Config, wanted: tuple[str, Caller]) -> None:
    """Every mailbox makes each change of the configuration slower for everybody, and directories that stay keep names.

    Raises: Refused.
    """
    name, caller = wanted
    own = {mailbox.name for mailbox in await target.visible(fx, config, caller)}
    if len(own) >= limits.MAILBOXES_PER_USER:
        raise Refused(f"you own {len(own)} mailboxes already; root can create more for you")
    strays = await desk.directories.strays(frozenset(config.mailboxes))
    names = own | {stray.name for stray in strays if stray.uid == caller.uid}
    if name not in names and len(names) >= limits.MAILBOXES_PER_USER:
        raise Refused(f"you own {len(names)} mailboxes and directories of deleted ones already; root can remove those")


def _same(there: authorize.Mailbox, name: str, owner: Identity) -> None:
    """Whoever asks for what he has, has it (guide). Raises: MailboxTaken."""
    assert there.mailbox is not None
    if there.mailbox.name == name and there.owner_uid == owner.uid:
        return
    if there.mailbox.name == name:
        raise MailboxTaken(f"mailbox '{name}' already exists")
    raise MailboxTaken(f"mail for '{name}' goes to mailbox '{there.mailbox.name}' already")


async def _make(fx: Effects, desk: Desk, alone: Alone, wanted: tuple[str, Identity, Caller]) -> None:
    name, owner, caller = wanted
    address = f"{name}@{alone.current.domain}"
    made = await desk.directories.make(name, owner)
    try:
        await target.change(alone, change.add_mailbox(name, address, owner.name), caller)
    except BaseException:
        await desk.directories.unmake(name, made)
        raise
    log.info("mailbox-created", mailbox=name, owner=owner.name, caller_uid=caller.uid)
    await fx.events.tell(MailboxCreated(at=fx.now(), mailbox=name, owner_uid=owner.uid, address=address))


async def _owner(fx: Effects, frame: MailboxCreate, caller: Caller) -> Identity:
    """Root names the owner; for everybody else it is himself, whatever he says. Raises: Refused."""
    if not caller.is_root or (caller.uid != 0 and frame.owner is None):
        own = await target.look(fx.accounts.by_uid, caller.uid)
        if own is None:
            raise Refused(f"uid {caller.uid} has no passwd entry")
        return own
    if frame.owner is None:
        raise Refused("MAILBOX-CREATE requires an Owner: header")
    if frame.owner == "root":
        raise Refused("owner 'root' can only be set by editing config.toml")
    owner = await target.look(fx.accounts.identity, frame.owner)
    if owner is None:
        raise Refused(f"unknown owner '{frame.owner}'")
    return owner


# Delete


async def delete_action(fx: Effects, config: Config, frame: MailboxDelete) -> Action:
    """Act on the mailbox. Raises: Refused for the reserved names and for what cannot be one, whoever asks."""
    if frame.name in CATCHALL_NAMES or frame.name.startswith(".") or not layout.is_component(frame.name):
        mailboxname.check(frame.name)
    return await target.action(fx, config, frame.name)


async def delete(fx: Effects, config: Config, frame: MailboxDelete, authorized: Authorized) -> Response:
    """MAILBOX-DELETE: its table in config.toml goes; its directories stay, empty. With force its mail goes too.

    Commits: both, or neither: config.toml decides after a crash.

    Raises: NotAuthorized, MailboxNotFound, MailboxNotEmpty, Refused, StorageFailed, ResourcesExhausted.
    """
    caller, desk = authorized.caller, target.desk(fx)
    _refuse_needed(config, target.mailbox(authorized, frame.name))
    if not frame.force:  # a large one is counted while nobody waits
        _refuse_full(frame.name, await desk.directories.contents(frame.name))
    async with desk.settings.alone(frame.name) as alone:
        action = await target.action(fx, alone.current, frame.name)
        mailbox = target.mailbox(authorize.authorize(caller, action), frame.name)
        _refuse_needed(alone.current, mailbox)
        if frame.force:
            taken = await desk.directories.take(mailbox.name, action.owner_uid, foreign=caller.is_root)
        else:
            taken = None
            _refuse_full(mailbox.name, await desk.directories.contents(mailbox.name))
        try:
            await target.change(alone, change.remove_mailbox(mailbox.name, mailbox.owner), caller)
        except BaseException:
            if taken is not None:
                await desk.directories.restore(taken)
            raise
        log.info("mailbox-deleted", mailbox=mailbox.name, caller_uid=caller.uid, wiped=frame.force)
        deleted = MailboxDeleted(at=fx.now(), mailbox=mailbox.name, owner_uid=action.owner_uid)
        await desk.directories.settle(taken, deleted)
    return Response("ok")


def _refuse_full(mailbox: str, held: Contents) -> None:
    if held.total:
        files = "1 file" if held.total == 1 else f"{held.total} files"
        where = f" ({held.waiting} in the spool: `aimx doctor` says why)" if held.waiting else ""
        raise MailboxNotEmpty(
            f"inbox={held.inbox} sent={held.sent}: mailbox '{mailbox}' has {files}{where}; archive or remove them first"
        )


def _refuse_needed(config: Config, mailbox: Mailbox) -> None:
    if mailbox.catchall:
        raise Refused("Cannot delete the catchall mailbox")
    if config.postmaster == mailbox.name:
        raise Refused(f"mailbox '{mailbox.name}' is the `postmaster` of config.toml; root has to name another first")
