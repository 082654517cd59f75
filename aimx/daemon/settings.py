"""The configuration as the log shows it: warnings when it is adopted, a line when the file is no longer what is loaded.

Never adopts anything: a file on disk may be half saved (U7).
"""

import time
from functools import partial

import trio

from aimx import limits, log
from aimx.config import difference, owners
from aimx.config.live import LiveConfig
from aimx.config.origins import Origins
from aimx.effects.accounts import Accounts
from aimx.model.config import Config
from aimx.model.event import ConfigReloaded, Event

_THREAD = trio.CapacityLimiter(1)


def announce(config: Config, accounts: Accounts) -> None:
    """One line per warning of a configuration that has just come into force."""
    for why in (*config.warnings, *owners.unresolved(config, accounts.find)):
        log.warning("config", why=why)


async def changes(before: Config, config: Config, accounts: Accounts, register: Origins) -> list[Event]:
    """The events of a reload: what it brought to whom, and that it was."""

    def look() -> list[Event]:
        """In a thread: a directory service may be asked."""
        at = time.time()
        hooks = sum(len(mailbox.hooks) for mailbox in config.mailboxes.values())
        reloaded = ConfigReloaded(at=at, mailbox="", owner_uid=None, mailboxes=len(config.mailboxes), hooks=hooks)
        origin = partial(register.of, source=config.source)
        return [*difference.events(before, config, at, partial(_uid, accounts), origin), reloaded]

    return await trio.to_thread.run_sync(look, limiter=_THREAD)


def _uid(accounts: Accounts, owner: str) -> int | None:
    account = accounts.identity(owner)
    return account.uid if account is not None else None


async def watch(live: LiveConfig) -> None:
    """Log once for each time that the file begins to differ from what is loaded."""
    differed = False
    while True:
        await trio.sleep(limits.CONFIG_CHECK_S)
        differs = await trio.to_thread.run_sync(live.differs_on_disk, limiter=_THREAD)
        if differs and not differed:
            log.warning("config-differs", path=str(live.path), note="not in force; reload to adopt it")
        differed = differs
