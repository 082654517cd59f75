"""The bounded pool of hooks: one mail's hooks in config order, different mails in parallel."""

import os
from collections.abc import Callable

import trio

from aimx import limits, log
from aimx.effects.api import Effects
from aimx.flows import fire
from aimx.flows.fire import Run, Task
from aimx.model.config import Config
from aimx.model.event import HookFinished, HookSkipped, HookStarted
from aimx.store import jobs, ledger
from aimx.store.jobs import JobRow
from aimx.store.mailbox import Folders, Unreadable
from aimx.store.state import State


class HookPool:
    """Takes runnable jobs from state.db and runs them."""

    def __init__(self, fx: Effects, state: State, folders: Folders, config: Callable[[], Config]) -> None:
        self._fx = fx
        self._state = state
        self._folders = folders
        self._config = config
        self._wake = trio.Event()
        self._slots = trio.CapacityLimiter(limits.HOOK_POOL)
        self._threads = trio.CapacityLimiter(2)

    def wake(self) -> None:
        """There may be runnable jobs."""
        self._wake.set()

    async def run(self) -> None:
        """Run jobs until cancelled."""
        seen = 0
        async with trio.open_nursery() as nursery:
            while True:
                rows = await self._db(lambda db, after=seen: jobs.pending(db, after, 256))
                for message in dict.fromkeys(row.message for row in rows):
                    nursery.start_soon(self._message, [row for row in rows if row.message == message])
                if rows:
                    seen = rows[-1].id
                    continue
                await self._wake.wait()
                self._wake = trio.Event()

    async def run_pending(self) -> None:
        """Run what is runnable now and return when it has ended."""
        rows = await self._db(lambda db: jobs.pending(db, 0, 256))
        async with trio.open_nursery() as nursery:
            for message in dict.fromkeys(row.message for row in rows):
                nursery.start_soon(self._message, [row for row in rows if row.message == message])

    async def _db(self, work):  # type: ignore[no-untyped-def]
        return await trio.to_thread.run_sync(self._state.run, work, limiter=self._threads)

    async def _message(self, rows: list[JobRow]) -> None:
        for row in rows:
            async with self._slots:
                await self._job(row)

    async def _job(self, row: JobRow) -> None:
        mailbox = self._config().mailboxes.get(row.mailbox)
        hook = next((hook for hook in mailbox.hooks if hook.name == row.hook), None) if mailbox else None
        if mailbox is None or hook is None:
            await self._skip(row, "hook-removed")
            return
        account = self._fx.accounts.find(mailbox.owner)
        if account is None:
            await self._skip(row, "owner-not-found")
            return
        if not await self._db(lambda db: jobs.start(db, row.id, self._fx.now())):
            return
        directory = str(self._config().data_dir / row.folder / row.mailbox)
        task = Task(
            row.id, hook, row.mailbox, row.email_id, row.path, directory, row.env, account,
            change_identity=self._fx.accounts.as_root,
        )  # fmt: skip
        await self._run(row, task, mailbox.owner)

    async def _run(self, row: JobRow, task: Task, owner: str) -> None:
        uid = task.account.uid
        now = self._fx.now()
        self._fx.publish(None, HookStarted(
            at=now, mailbox=row.mailbox, owner_uid=uid, hook=row.hook, id=row.email_id, run=row.id
        ))  # fmt: skip
        run = await self._with_stdin(row, task, owner)
        fire.log_line(task, run, "fallback")
        result = (run.exit_code, run.timed_out, run.duration_ms, run.stderr_tail, run.reason)
        finished = HookFinished(
            at=self._fx.now(), mailbox=row.mailbox, owner_uid=uid, hook=row.hook, id=row.email_id, run=row.id,
            exit_code=run.exit_code, duration_ms=run.duration_ms, timed_out=run.timed_out,
        )  # fmt: skip

        def work(db):  # type: ignore[no-untyped-def]
            jobs.finish(db, row.id, finished.at, result)
            return ledger.log_event(db, finished)

        self._fx.publish(*await self._db(work))

    async def _with_stdin(self, row: JobRow, task: Task, owner: str) -> Run:
        try:
            fd = self._folders.open_message(row.folder, row.mailbox, owner, row.email_id)  # type: ignore[arg-type]
        except Unreadable:
            return Run(-1, False, 0, "the message is no longer there", "message-gone")
        try:
            return await fire.fire(self._fx, task, fd)
        finally:
            os.close(fd)

    async def _skip(self, row: JobRow, reason: str) -> None:
        log.warning("hook-skipped", hook_name=row.hook, mailbox=row.mailbox, email_id=row.email_id, reason=reason)
        event = HookSkipped(
            at=self._fx.now(), mailbox=row.mailbox, owner_uid=None, hook=row.hook, id=row.email_id, reason=reason
        )

        def work(db):  # type: ignore[no-untyped-def]
            jobs.skip(db, row.id, event.at, reason)
            return ledger.log_event(db, event)

        self._fx.publish(*await self._db(work))
