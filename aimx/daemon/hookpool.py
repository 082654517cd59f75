"""The bounded pool of hooks: one mail's hooks in config order, different mails in parallel.

The rows of state.db are the queue: whatever the backlog, only a screenful of it is ever in memory.
"""

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from aimx import limits, log
from aimx.daemon.hookplaces import Places
from aimx.daemon.hookrunner import HookRunner
from aimx.errors import StorageFailed
from aimx.model.config import Config
from aimx.store import jobs
from aimx.store.jobs import JobRow


class HookPool:
    """Takes runnable jobs from state.db and runs them."""

    def __init__(self, runner: HookRunner, config: Callable[[], Config]) -> None:
        self._runner = runner
        self._config = config
        self._wake = trio.Event()
        self._places = Places()
        self._scope = trio.CancelScope()
        self._idle = trio.Event()

    def wake(self) -> None:
        """There may be runnable jobs."""
        self._wake.set()

    async def run(self) -> None:
        """Run jobs until cancelled or drained; first those that an earlier daemon started and that still run."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    await self._resume(nursery)
                    while True:
                        self._wake = trio.Event()
                        if await self._look(nursery):
                            await self._wake.wait()
                        else:
                            await trio.sleep(limits.HOOK_RECORD_RETRY_S)
        finally:
            self._idle.set()

    async def drain(self) -> None:
        """Start nothing more; what does not outlive this daemon gets TERM, then KILL, and is interrupted (U7)."""
        self._scope.cancel()
        await self._idle.wait()

    async def run_mail(self, mailbox: str, email_id: str) -> None:
        """Run the jobs of one received mail now and return when they have ended."""
        for row in await self._runner.db(lambda db: jobs.of_mail(db, mailbox, email_id)):
            await self._runner.job(row)

    async def _resume(self, nursery: trio.Nursery) -> None:
        while True:
            try:
                for left in await self._runner.db(jobs.outliving):
                    self._begin(nursery, left.row, partial(self._runner.resume, left))
                nursery.start_soon(self._tidy)
                return
            except StorageFailed as error:
                log.error("hooks-not-resumed", why=error.detail or error.reason)
            await trio.sleep(limits.HOOK_RECORD_RETRY_S)

    async def _tidy(self) -> None:
        try:
            await self._runner.tidy()
        except (StorageFailed, OSError) as error:
            log.error("hooks-not-tidied", why=str(error))

    # Choosing

    async def _look(self, nursery: trio.Nursery) -> bool:
        """Start what may start; False: state.db cannot be used now (full, or locked by somebody's sqlite3)."""
        try:
            await self._start_some(nursery)
        except StorageFailed as error:
            log.error("hooks-not-started", why=error.detail or error.reason)
            return False
        return True

    async def _start_some(self, nursery: trio.Nursery) -> None:
        """Fill the free places."""
        if self._places.free > 0:
            for row in await self._runner.db(self._places.choice(self._config()).chosen):
                self._begin(nursery, row, partial(self._runner.job, row))

    def _begin(self, nursery: trio.Nursery, row: JobRow, run: Callable[[], Awaitable[None]]) -> None:
        self._places.take(row)
        nursery.start_soon(self._slot, row, run)

    async def _slot(self, row: JobRow, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except StorageFailed as error:
            log.error("hook-not-recorded", hook_name=row.hook, email_id=row.email_id, why=error.detail or error.reason)
            await trio.sleep(limits.HOOK_RECORD_RETRY_S)  # a full disk: the job is tried again, not in a tight loop
        except Exception as error:  # noqa: BLE001  one hook never takes the daemon down
            log.error("hook-failed", hook_name=row.hook, email_id=row.email_id, why=f"{type(error).__name__}: {error}")
            await trio.sleep(limits.HOOK_RECORD_RETRY_S)
        finally:
            self._places.leave(row)
            self._wake.set()
