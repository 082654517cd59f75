"""What flows may ask about hook runs, and for: the record of them, and a run that somebody wants to see now."""

from typing import Protocol

import msgspec

from aimx.effects.accounts import Account
from aimx.model.config import Hook, Mailbox
from aimx.model.delivery import Folder
from aimx.model.hook import Budget, BudgetAsked, HookRun, Recorded, RunsAsked, Tried


class Trial(msgspec.Struct, frozen=True):
    """A run that was asked for: of this hook, as this account, for a message; or for a `sample`, which is none."""

    mailbox: Mailbox
    hook: Hook
    account: Account
    folder: Folder
    email_id: str
    path: str
    env: dict[str, str]
    sample: bytes | None = None


class Runs(Protocol):
    """Hook runs."""

    async def newest(self, asked: RunsAsked) -> tuple[HookRun, ...]:
        """The newest first. Raises: StorageFailed."""

    async def recorded(self, hook: str, mailbox: str, event: str, email_id: str, uid: int) -> Recorded | None:
        """What was recorded for a mail's hooks when it came or went, while the mailbox was this user's; None: nothing.

        Raises: StorageFailed.
        """

    async def budget(self, asked: BudgetAsked) -> Budget:
        """What is used of the budget of a hook for a message's conversation (U5). Raises: StorageFailed."""

    async def try_out(self, trial: Trial) -> Tried:
        """Run a hook now and record it as a test. Counts towards no budget; nothing else is held up by it.

        Raises: EmailNotFound, ResourcesExhausted, StorageFailed.
        """
