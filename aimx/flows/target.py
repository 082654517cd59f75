"""Which mailboxes is a request about, and whose are they? The same look-ups for what is missing and what is foreign."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import trio

from aimx import limits
from aimx.effects.api import Alone, Desk, Edit, Effects, Settings
from aimx.errors import ConfigInvalid, Failed, HookNotFound, MailboxNotFound, MailboxTaken, NotAuthorized
from aimx.model.caller import Caller
from aimx.model.config import Config, Hook, Mailbox
from aimx.model.query import Box
from aimx.policy import authorize
from aimx.policy.authorize import Authorized

K = TypeVar("K")
T = TypeVar("T")
NOBODY = "root"  # looked up in place of the owner of a mailbox that does not exist
_THREADS = trio.CapacityLimiter(limits.OWNER_THREADS)


def desk(fx: Effects) -> Desk:
    """What administration needs. Raises: Failed."""
    if fx.desk is None:
        raise Failed("this process administers nothing")
    return fx.desk


async def hook(fx: Effects, config: Config, name: str) -> authorize.Hook:
    """What the caller has to be allowed to do to act on a hook."""
    pairs = ((mailbox, hook) for mailbox in config.mailboxes.values() for hook in mailbox.hooks)
    mailbox, found = next(((box, hook) for box, hook in pairs if hook.name == name), (None, None))
    uids = await _uids(fx, {mailbox.owner if mailbox is not None else NOBODY})
    return authorize.Hook(name, uids[mailbox.owner] if mailbox is not None else None, mailbox, found)


def the_hook(authorized: Authorized) -> tuple[Mailbox, Hook]:
    """The hook that was authorized, and its mailbox. Raises: HookNotFound."""
    action = authorized.action
    assert isinstance(action, authorize.Hook)
    if action.mailbox is None or action.hook is None:
        raise HookNotFound(f"hook '{action.name}' not found")
    return action.mailbox, action.hook


async def action(fx: Effects, config: Config, name: str) -> authorize.Mailbox:
    """What the caller has to be allowed to do to act on a mailbox."""
    mailbox = config.mailboxes.get(name)
    uids = await _uids(fx, {mailbox.owner if mailbox is not None else NOBODY})
    return authorize.Mailbox(uids[mailbox.owner] if mailbox is not None else None, mailbox)


def mailbox(authorized: Authorized, name: str) -> Mailbox:
    """The mailbox that was authorized. Raises: MailboxNotFound, which only root gets this far to see."""
    assert isinstance(authorized.action, authorize.Mailbox)
    if authorized.action.mailbox is None:
        raise MailboxNotFound(f"mailbox-not-found: {name}")
    return authorized.action.mailbox


async def visible(fx: Effects, config: Config, caller: Caller) -> tuple[Mailbox, ...]:
    """The mailboxes that a caller may see, by name: his own, root all."""
    found = sorted(config.mailboxes.values(), key=lambda mailbox: mailbox.name)
    if caller.is_root:
        return tuple(found)
    uids = await _uids(fx, {mailbox.owner for mailbox in found})
    return tuple(mailbox for mailbox in found if uids[mailbox.owner] == caller.uid)


async def change(alone: Settings | Alone, edit: Edit, caller: Caller) -> Config:
    """Change the configuration for this caller, who learns nothing from what else is in the file.

    Raises: what the change raises; to anybody but root only NotAuthorized and Failed.
    """
    try:
        return await alone.change(edit)
    except (MailboxTaken, MailboxNotFound) as error:
        if caller.is_root:
            raise
        raise NotAuthorized("not authorized", detail=f"not in force, but on disk: {error.reason}") from error
    except ConfigInvalid as error:
        if caller.is_root:
            raise
        raise Failed("config.toml cannot be edited now: root has to look at it", detail=error.reason) from error


def box(mailbox: Mailbox) -> Box:
    """How stored mail is asked for."""
    return Box(mailbox.name, mailbox.owner)


async def look(find: Callable[[K], T], key: K) -> T:
    """Ask for an account in a thread: a directory service may be slow."""
    return await trio.to_thread.run_sync(find, key, limiter=_THREADS)


async def _uids(fx: Effects, owners: set[str]) -> dict[str, int | None]:
    """In a thread: a directory service may be asked."""
    look = partial(_look, fx, sorted(owners))
    return await trio.to_thread.run_sync(look, limiter=_THREADS)


def _look(fx: Effects, owners: list[str]) -> dict[str, int | None]:
    found = {owner: fx.accounts.identity(owner) for owner in owners}
    return {owner: account.uid if account is not None else None for owner, account in found.items()}
