"""How the running daemon is. Looks, and changes nothing."""

import os
from typing import TYPE_CHECKING

import trio

from aimx import limits
from aimx.config import owners
from aimx.model.caller import Caller
from aimx.model.status import Backlog, Share, Use, Vitals
from aimx.store.backlog import backlog

if TYPE_CHECKING:
    from aimx.daemon.serve import Daemon


_TEST = "AIMX_TEST_"


class DaemonHealth:
    """Implements effects.api.Health."""

    def __init__(self, daemon: "Daemon", started_at: float) -> None:
        self._daemon = daemon
        self._started_at = started_at
        self._thread = trio.CapacityLimiter(1)

    async def vitals(self) -> Vitals:
        """What can be said without asking the databases."""
        daemon = self._daemon
        listener = daemon.listener
        differs, warnings = await trio.to_thread.run_sync(self._config, limiter=self._thread)
        return Vitals(
            pid=os.getpid(), started_at=self._started_at, privileged=daemon.storage_parts.accounts.as_root,
            config_path=str(daemon.live.path),
            differs=differs, warnings=warnings,
            smtp_address=listener.address, smtp_tls=daemon.certificate.context is not None, sessions=listener.sessions,
            sessions_most=min(daemon.live.current.max_connections, listener.ceiling),
            workers=len(daemon.workers.ready), workers_wanted=daemon.workers.size,
            resolver=daemon.resolver.pid != 0, index=daemon.storage_parts.committer.index.healthy,
            dkim_selector=daemon.signing.selector, dkim_record=daemon.signing.record,
            test_variables=tuple(sorted(name for name, text in os.environ.items() if text and _TEST in name)),
        )  # fmt: skip

    def _config(self) -> tuple[bool, tuple[str, ...]]:
        """In a thread: a directory service may be asked."""
        live, accounts = self._daemon.live, self._daemon.storage_parts.accounts
        config = live.current
        return live.differs_on_disk(), (*config.warnings, *owners.unresolved(config, accounts.identity))

    async def backlog(self) -> Backlog:
        """What waits. Raises: StorageFailed."""
        state = self._daemon.storage_parts.state
        return await trio.to_thread.run_sync(state.run, backlog, limiter=self._thread)

    async def cursor(self) -> str:
        """Where the event log is now. Raises: StorageFailed."""
        return await self._daemon.watching.cursor()

    def use(self, caller: Caller) -> Use:
        """What a caller has of the socket."""
        watching = self._daemon.watching
        return Use(
            Share(self._daemon.socket.connections_of(caller), limits.CLIENTS_PER_UID),
            Share(watching.watchers_of(caller), limits.WATCHERS_PER_UID),
            Share(watching.watchers, limits.WATCHERS),
        )
