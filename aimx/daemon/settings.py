"""The configuration as the log shows it: warnings when it is adopted, a line when the file is no longer what is loaded.

Never adopts anything: a file on disk may be half saved (U7).
"""

import trio

from aimx import limits, log
from aimx.config import owners
from aimx.config.live import LiveConfig
from aimx.effects.accounts import Accounts
from aimx.model.config import Config

_THREAD = trio.CapacityLimiter(1)


def announce(config: Config, accounts: Accounts) -> None:
    """One line per warning of a configuration that has just come into force."""
    for why in (*config.warnings, *owners.unresolved(config, accounts.find)):
        log.warning("config", why=why)


async def watch(live: LiveConfig) -> None:
    """Log once for each time that the file begins to differ from what is loaded."""
    differed = False
    while True:
        await trio.sleep(limits.CONFIG_CHECK_S)
        differs = await trio.to_thread.run_sync(live.differs_on_disk, limiter=_THREAD)
        if differs and not differed:
            log.warning("config-differs", path=str(live.path), note="not in force; reload to adopt it")
        differed = differs
