"""May this caller do this? The one predicate, by uid. A flow gets the authorized action as its argument."""

import msgspec

from aimx.errors import HookNotFound, NotAuthorized
from aimx.model.caller import Caller
from aimx.model.config import Hook as ConfiguredHook
from aimx.model.config import Mailbox as Configured
from aimx.model.outbound import Submission


class Anyone(msgspec.Struct, frozen=True):
    """Open to every local user."""


class System(msgspec.Struct, frozen=True):
    """Root only."""


class Mailbox(msgspec.Struct, frozen=True):
    """Owner of the mailbox or root. `owner_uid` None: the owner does not resolve, or no such mailbox.

    Carries the mailbox as it was when that was decided, so that just that is acted on; `mailbox` None: there is none.
    """

    owner_uid: int | None
    mailbox: Configured | None = None


class SendAs(msgspec.Struct, frozen=True):
    """Owner of the mailbox that the From address names, or root. Carries what was read, so that just that is sent.

    `mailbox` None: no mailbox sends under this address; `owner_uid` is then None as well.
    `digest`: of what is sent under a key, None without one.
    """

    owner_uid: int | None
    mailbox: Configured | None
    submission: Submission
    digest: bytes | None = None


class Hook(msgspec.Struct, frozen=True):
    """Owner of the hook's mailbox or root; to everybody else the hook does not exist (U1).

    `owner_uid` None: the owner does not resolve, or there is no such hook; `mailbox` and `hook` are then None too.
    """

    name: str
    owner_uid: int | None
    mailbox: Configured | None = None
    hook: ConfiguredHook | None = None


Action = Anyone | System | Mailbox | SendAs | Hook


class Authorized(msgspec.Struct, frozen=True):
    """Proof that `authorize` said yes; flows that act for callers require one."""

    caller: Caller
    action: Action
    root_bypass: bool


def authorize(caller: Caller, action: Action) -> Authorized:
    """Decide. Raises: NotAuthorized, or HookNotFound for a hook, identical for missing and foreign (U1)."""
    if caller.is_root:
        return Authorized(caller, action, root_bypass=not isinstance(action, Anyone))
    owned = isinstance(action, Mailbox | SendAs | Hook) and action.owner_uid == caller.uid
    if isinstance(action, Anyone) or owned:
        return Authorized(caller, action, root_bypass=False)
    if isinstance(action, Hook):
        raise HookNotFound(f"hook '{action.name}' not found", detail=_why(action))
    raise NotAuthorized("not authorized", detail=_why(action))


def target(action: Action) -> str | None:
    """The mailbox that an action is about, by name; None: it is about none that exists."""
    about = isinstance(action, Mailbox | SendAs | Hook) and action.mailbox is not None
    return action.mailbox.name if about else None  # type: ignore[union-attr]


def _why(action: Action) -> str:
    """For the log: which of the reasons that look the same to the caller it was."""
    if isinstance(action, SendAs) and action.mailbox is None:
        return "no mailbox sends under this address"
    if isinstance(action, Mailbox) and action.mailbox is None:
        return "no such mailbox"
    if isinstance(action, Hook) and action.hook is None:
        return "no such hook"
    if isinstance(action, Mailbox | SendAs | Hook):
        name, owner = target(action), action.owner_uid
        return f"mailbox {name} is owned by {f'uid {owner}' if owner is not None else 'nobody that exists'}"
    return "for root only"
