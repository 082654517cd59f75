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
from aimx.model.event import Event

_THREAD = trio.CapacityLimiter(1)


def announce(config: Config, accounts: Accounts) -> tuple[str, ...]:
    """One line per warning of a configuration that has just come into force; the warnings."""
    found = _warnings(config, accounts)
    for why in found:
        log.warning("config", why=why)
    return found


def _warnings(config: Config, accounts: Accounts) -> tuple[str, ...]:
    return (*config.warnings, *owners.unresolved(config, accounts.identity))


class Announcer:
    """Tells the warnings of what comes into force, each once for as long as it holds."""

    def __init__(self, accounts: Accounts, config: Config) -> None:
        self._accounts = accounts
        self._said = frozenset(announce(config, accounts))

    async def tell(self, config: Config) -> None:
        """What is new since the last time. In a thread: a directory service may be asked."""
        found = await trio.to_thread.run_sync(_warnings, config, self._accounts, limiter=_THREAD)
        for why in found:
            if why not in self._said:
                log.warning("config", why=why)
        self._said = frozenset(found)


async def changes(before: Config, config: Config, accounts: Accounts, register: Origins) -> list[Event]:
    """The events of what was changed by hand: what it brought to whom."""

    def look() -> list[Event]:
        """In a thread: a directory service may be asked."""
        origin = partial(register.of, source=config.source)
        return list(difference.events(before, config, time.time(), partial(_uid, accounts), origin))

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
