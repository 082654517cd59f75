"""Hook runs for those who ask: what state.db has of them, and runs beside the pool that somebody wants to see."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import msgspec
import trio

from aimx import limits
from aimx.daemon.hookpool import HookPool
from aimx.effects.api import Effects
from aimx.effects.runs import Trial
from aimx.errors import EmailNotFound, ResourcesExhausted
from aimx.flows.fire import Run
from aimx.model.event import HookStarted
from aimx.model.hook import HookRun, Recorded, RunsAsked, Tried
from aimx.store import eventlog, jobs, runs
from aimx.store.jobs import JobRow
from aimx.store.mailbox import Folders, Unreadable
from aimx.store.state import State

T = TypeVar("T")


class Trials:
    """Implements effects.runs.Runs."""

    def __init__(self, fx: Callable[[], Effects], pool: Callable[[], HookPool], state: State, folders: Folders) -> None:
        """`fx` and `pool` exist once somebody asks."""
        self._fx = fx
        self._pool = pool
        self._state = state
        self._folders = folders
        self._busy: Counter[int] = Counter()
        self._threads = trio.CapacityLimiter(limits.HOOK_THREADS)

    async def newest(self, asked: RunsAsked) -> tuple[HookRun, ...]:
        """The newest first."""
        return await self._db(lambda db: runs.newest(db, asked))

    async def recorded(self, hook: str, mailbox: str, event: str, email_id: str, uid: int) -> Recorded | None:
        """What was recorded for a mail's hooks when it came or went, while the mailbox was this user's."""
        return await self._db(lambda db: runs.recorded(db, hook, (mailbox, uid), event, email_id))

    async def fires(self, hook: str, conversation: str, since: float) -> int:
        """How often a hook was started for a conversation."""
        return await self._db(lambda db: jobs.fires(db, hook, conversation, since))

    async def try_out(self, trial: Trial) -> Tried:
        """Run a hook now and record it as a test."""
        with self._place(trial.account.uid):
            fd = await self._thread(partial(self._open, trial))
            try:
                return await self._run(trial, fd)
            finally:
                os.close(fd)

    @contextmanager
    def _place(self, uid: int) -> Iterator[None]:
        full = self._busy.total() >= limits.HOOK_TESTS and uid != 0
        if full or self._busy[uid] >= limits.HOOK_TESTS_PER_UID:
            raise ResourcesExhausted("too many hooks are being tried out at once, try again later")
        self._busy[uid] += 1
        try:
            yield
        finally:
            self._busy[uid] -= 1
            self._busy += Counter()  # drops the zeros

    def _open(self, trial: Trial) -> int:
        if trial.sample is not None:
            fd = os.memfd_create(trial.email_id, os.MFD_CLOEXEC)
            os.write(fd, trial.sample)
            os.lseek(fd, 0, os.SEEK_SET)
            return fd
        mailbox = trial.mailbox
        try:
            return self._folders.open_message(trial.folder, mailbox.name, mailbox.owner, trial.email_id)
        except Unreadable as error:
            raise EmailNotFound(f"email '{trial.email_id}' not found in {trial.folder}/{mailbox.name}") from error

    async def _run(self, trial: Trial, stdin: int) -> Tried:
        pool, uid = self._pool(), trial.account.uid
        row = JobRow(
            0, trial.hook.name, trial.mailbox.name, trial.hook.event, trial.folder, trial.email_id, trial.path, 0,
            trial.env, "",
        )  # fmt: skip
        row = msgspec.structs.replace(row, id=await self._db(lambda db: self._begin(db, row, uid)))
        self._fx().events.logged()
        task = msgspec.structs.replace(pool.task(row, trial.hook, trial.account), test=True)
        run = Run(-1, False, 0, "", "interrupted")
        try:
            with pool.knowing(task):
                run = await pool.fire(task, stdin, limits.HOOK_TEST_TAIL_CHARACTERS)
        finally:
            tail = run.stderr_tail[-limits.HOOK_STDERR_TAIL_CHARACTERS :]
            with trio.CancelScope(shield=True):
                await pool.record(row, task, msgspec.structs.replace(run, stderr_tail=tail))
        return Tried(
            row.id, run.exit_code, run.timed_out, run.duration_ms, run.reason, run.stdout_tail, run.stderr_tail
        )

    def _begin(self, db, row: JobRow, uid: int) -> int:  # type: ignore[no-untyped-def]
        now = self._fx().now()
        run = jobs.start_test(db, row, now, uid)
        started = HookStarted(at=now, mailbox=row.mailbox, owner_uid=uid, hook=row.hook, id=row.email_id, run=run)
        eventlog.append(db, started)
        return run

    async def _db(self, work):  # type: ignore[no-untyped-def]
        return await self._thread(lambda: self._state.run(work))

    async def _thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads)
