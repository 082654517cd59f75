"""The bounded pool of hooks: one mail's hooks in config order, different mails in parallel.

The rows of state.db are the queue: whatever the backlog, only a screenful of it is ever in memory.
"""

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from aimx import limits, log
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
        self._mails: set[tuple[str, str, str, str, int]] = set()  # whose job is running; never two of one mail
        self._hooks: Counter[str] = Counter()  # running, by name
        self._mailboxes: Counter[str] = Counter()  # the same, by mailbox
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
                    self._take(left.row)
                    nursery.start_soon(self._slot, left.row, partial(self._runner.resume, left))
                return
            except StorageFailed as error:
                log.error("hooks-not-resumed", why=error.detail or error.reason)
            await trio.sleep(limits.HOOK_RECORD_RETRY_S)

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
        """Fill the free slots with the oldest jobs that may run now."""
        after = 0
        while len(self._mails) < limits.HOOK_POOL:
            without = self._saturated(), self._served()
            rows = await self._runner.db(lambda db, a=after, w=without: jobs.pending(db, a, limits.HOOK_ROWS, *w))
            for row in rows:
                if len(self._mails) < limits.HOOK_POOL and await self._may_run(row):
                    self._take(row)
                    nursery.start_soon(self._slot, row, partial(self._runner.job, row))
            if len(rows) < limits.HOOK_ROWS:
                return
            after = rows[-1].id

    def _saturated(self) -> tuple[str, ...]:
        limit = self._config().hook_concurrency
        return tuple(sorted(name for name, count in self._hooks.items() if limit and count >= limit))

    def _served(self) -> tuple[str, ...]:
        """The mailboxes of owners who have all the places that one may have."""
        full = self._full()
        return tuple(sorted(box.name for box in self._config().mailboxes.values() if box.owner in full)) if full else ()

    def _full(self) -> set[str]:
        mailboxes = self._config().mailboxes
        owners: Counter[str] = Counter()
        for name, count in self._mailboxes.items():
            if name in mailboxes:
                owners[mailboxes[name].owner] += count
        return {owner for owner, count in owners.items() if count >= limits.HOOK_POOL_OF_OWNER}

    async def _may_run(self, row: JobRow) -> bool:
        if row.mail in self._mails or row.hook in self._saturated():
            return False
        mailbox = self._config().mailboxes.get(row.mailbox)
        if mailbox is not None and mailbox.owner in self._full():
            return False
        return not await self._runner.db(lambda db: jobs.earlier(db, row))

    def _take(self, row: JobRow) -> None:
        self._mails.add(row.mail)
        self._hooks[row.hook] += 1
        self._mailboxes[row.mailbox] += 1

    async def _slot(self, row: JobRow, run: Callable[[], Awaitable[None]]) -> None:
        try:
            await run()
        except StorageFailed as error:
            log.error("hook-not-recorded", hook_name=row.hook, email_id=row.email_id, why=error.detail or error.reason)
            await trio.sleep(limits.HOOK_RECORD_RETRY_S)  # a full disk: the job is tried again, not in a tight loop
        except Exception as error:  # noqa: BLE001  one hook never takes the daemon down
            log.error("hook-failed", hook_name=row.hook, email_id=row.email_id, why=f"{type(error).__name__}: {error}")
        finally:
            self._mails.discard(row.mail)
            self._hooks[row.hook] -= 1
            self._mailboxes[row.mailbox] -= 1
            self._hooks += Counter()  # drops the zeros
            self._mailboxes += Counter()
            self._wake.set()
