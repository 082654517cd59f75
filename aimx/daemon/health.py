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
        differs = await trio.to_thread.run_sync(daemon.live.differs_on_disk, limiter=self._thread)
        return Vitals(
            pid=os.getpid(), started_at=self._started_at, privileged=daemon.storage_parts.accounts.as_root,
            config_path=str(daemon.live.path), differs=differs,
            smtp_address=listener.address, smtp_tls=daemon.certificate.context is not None, sessions=listener.sessions,
            sessions_most=min(daemon.live.current.max_connections, listener.ceiling),
            workers=len(daemon.workers.ready), workers_wanted=daemon.workers.size,
            resolver=daemon.resolver.pid != 0, index=daemon.storage_parts.committer.index.healthy,
            dkim_selector=daemon.signing.selector, dkim_record=daemon.signing.record,
            test_variables=tuple(sorted(name for name, text in os.environ.items() if text and _TEST in name)),
        )  # fmt: skip

    async def warnings(self) -> tuple[str, ...]:
        """Of the configuration in force."""
        config = self._daemon.live.current
        find = self._daemon.storage_parts.accounts.identity  # may ask a directory service
        unresolved = await trio.to_thread.run_sync(owners.unresolved, config, find, limiter=self._thread)
        return *config.warnings, *unresolved

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
