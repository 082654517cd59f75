"""May this caller do this? The one predicate, by uid. A flow gets the authorized action as its argument."""

import msgspec

from aimx.errors import NotAuthorized
from aimx.model.caller import Caller


class Anyone(msgspec.Struct, frozen=True):
    """Open to every local user."""


class System(msgspec.Struct, frozen=True):
    """Root only."""


class Mailbox(msgspec.Struct, frozen=True):
    """Owner of the mailbox or root. `owner_uid` None: the owner does not resolve, or no such mailbox."""

    owner_uid: int | None


Action = Anyone | System | Mailbox


class Authorized(msgspec.Struct, frozen=True):
    """Proof that `authorize` said yes; flows that act for callers require one."""

    caller: Caller
    action: Action
    root_bypass: bool


def authorize(caller: Caller, action: Action) -> Authorized:
    """Decide. Raises: NotAuthorized, identical for missing and foreign (U1)."""
    if caller.is_root:
        return Authorized(caller, action, root_bypass=not isinstance(action, Anyone))
    if isinstance(action, Anyone) or (isinstance(action, Mailbox) and action.owner_uid == caller.uid):
        return Authorized(caller, action, root_bypass=False)
    raise NotAuthorized("not authorized", detail=f"uid={caller.uid} action={action!r}")
