"""Hook runs for those who ask: what state.db has of them, and runs beside the pool that somebody wants to see."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

import trio

from aimx import limits
from aimx.daemon.hookrunner import HookRunner
from aimx.effects.runs import Trial
from aimx.errors import EmailNotFound, ResourcesExhausted
from aimx.model.hook import Budget, BudgetAsked, HookRun, Recorded, RunsAsked, Tried
from aimx.store import conversations, jobs, runs
from aimx.store.jobs import JobRow
from aimx.store.mailbox import Folders, Unreadable
from aimx.store.state import State

T = TypeVar("T")


class Trials:
    """Implements effects.runs.Runs."""

    def __init__(self, runner: Callable[[], HookRunner], state: State, folders: Folders) -> None:
        """`runner` exists once somebody asks."""
        self._runner = runner
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

    async def budget(self, asked: BudgetAsked) -> Budget:
        """What is used of a budget."""

        def look(db):  # type: ignore[no-untyped-def]
            found = asked.conversation or conversations.known(db, asked.mailbox, asked.thread) or asked.new
            if not found:
                return Budget("", 0, None)
            of = (asked.hook, found, asked.since)
            return Budget(found, jobs.fires(db, *of), jobs.frees(db, *of, asked.most) if asked.most else None)

        return await self._db(look)

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
        row = JobRow(
            0, trial.hook.name, trial.mailbox.name, trial.hook.event, trial.folder, trial.email_id, trial.path, 0,
            trial.env, "",
        )  # fmt: skip
        number, run = await self._runner().try_out(row, trial.hook, trial.account, stdin)
        return Tried(
            number, run.exit_code, run.timed_out, run.duration_ms, run.reason, run.stdout_tail, run.stderr_tail,
            run.cpu_ms, run.peak_octets,
        )  # fmt: skip

    async def _db(self, work):  # type: ignore[no-untyped-def]
        return await self._thread(lambda: self._state.run(work))

    async def _thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads)
