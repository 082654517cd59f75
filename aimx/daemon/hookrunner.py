"""One hook job from its row to its record: who it runs as, claimed before it starts, executed, told.

Also knows by their secret which processes belong to a running hook (U5).
"""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import msgspec
import trio

from aimx import limits, log
from aimx.effects.accounts import Account
from aimx.effects.api import Effects
from aimx.errors import StorageFailed
from aimx.flows import fire
from aimx.flows.fire import Run, Task
from aimx.model.caller import Caller
from aimx.model.config import Config, Hook, Mailbox
from aimx.model.event import Event, HookFinished, HookSkipped, HookStarted
from aimx.model.hook import Within
from aimx.policy import firing
from aimx.store import eventlog, jobs
from aimx.store.jobs import JobRow, Outliving, Result, Start
from aimx.store.mailbox import Folders, Unreadable
from aimx.store.state import State

T = TypeVar("T")
_Logged = tuple[int, Event]
_INTERRUPTED = Run(-1, False, 0, "", "interrupted")


def _not_spawned(error: OSError) -> Run:
    return Run(-1, False, 0, f"spawn-failed: {error.strerror}", "spawn-failed")


class HookRunner:
    """Runs one job at a time for each who asks."""

    def __init__(self, fx: Effects, state: State, folders: Folders, config: Callable[[], Config]) -> None:
        self._fx = fx
        self._state = state
        self._folders = folders
        self._config = config
        self._threads = trio.CapacityLimiter(limits.HOOK_THREADS)
        self._tokens: dict[str, tuple[int, Within]] = {}  # AIMX_JOB → whom it runs as, and what for

    async def db(self, work):  # type: ignore[no-untyped-def]
        """One unit of work of state.db. Raises: StorageFailed."""
        return await self.thread(lambda: self._state.run(work))

    async def thread(self, work: Callable[[], T]) -> T:
        """Something short that blocks."""
        return await trio.to_thread.run_sync(work, limiter=self._threads)

    def within(self, token: str, caller: Caller) -> Within | None:
        """The running hook that has this token (U5), if the caller is its owner or root."""
        uid, within = self._tokens.get(token, (None, None))
        return within if caller.is_root or caller.uid == uid else None

    @contextmanager
    def _knowing(self, task: Task, uid: int) -> Iterator[None]:
        """Processes of a run are recognised by its token."""
        self._tokens[task.token] = (uid, task.within)
        try:
            yield
        finally:
            del self._tokens[task.token]

    # A job of mail

    async def job(self, row: JobRow) -> None:
        """Run a job, or record why it will not run. Raises: StorageFailed."""
        config = self._config()
        mailbox = config.mailboxes.get(row.mailbox)
        hook = next((hook for hook in mailbox.hooks if hook.name == row.hook), None) if mailbox else None
        if mailbox is None or hook is None or hook.event != row.event:
            await self._skip(row, "hook-removed", None)
            return
        owner = mailbox.owner
        account = await self.thread(lambda: self._fx.accounts.find(owner))  # may ask a directory service
        uid = account.uid if account is not None else None
        problem = firing.owner_problem(owner, uid)
        if account is None or problem is not None:
            await self._skip(row, problem or "owner-not-found", uid)
            return
        task = self._task(row, hook, account)
        claimed = await self.db(lambda db: self._claim(db, row, task))
        if isinstance(claimed, Task):
            self._fx.events.logged()
            await self._run(row, claimed, mailbox)
        elif claimed is not None:
            await self._skip(row, claimed, account.uid)

    def _task(self, row: JobRow, hook: Hook, account: Account) -> Task:
        """A row with what is held for its run."""
        config = self._config()
        directory = str(config.data_dir / "inbox" / row.mailbox)
        return Task(
            row.id, hook, row.mailbox, row.email_id, row.path, directory, row.env, account,
            change_identity=self._fx.accounts.as_root, token=secrets.token_hex(16), memory_max=config.hook_memory_max,
            conversation=row.conversation,
        )  # fmt: skip

    def _claim(self, db, row: JobRow, task: Task) -> Task | str | None:  # type: ignore[no-untyped-def]
        """Count and start in one transaction.

        Returns: why not, when the conversation has used up its budget (U5); None when it was started before.
        """
        if not jobs.waits(db, row.id):
            return None
        budget = self._config().hook_thread_budget
        if budget and row.conversation:
            since = self._fx.now() - limits.HOOK_BUDGET_WINDOW_S
            if jobs.fires(db, row.hook, row.conversation, since) >= budget:
                return "thread-budget"
        return self._start(db, task)

    def _start(self, db, task: Task) -> Task:  # type: ignore[no-untyped-def]
        """What is durable before a program starts: that it did, and by which name it is found again."""
        task = msgspec.structs.replace(task, unit=jobs.unit(db, task.run))
        now, uid = self._fx.now(), task.account.uid
        kept = (task.unit, task.token) if self._outlives(task) else (None, None)
        jobs.start(db, task.run, Start(now, uid, *kept))
        hook = task.hook.name
        eventlog.append(
            db, HookStarted(at=now, mailbox=task.mailbox, owner_uid=uid, hook=hook, id=task.email_id, run=task.run)
        )
        return task

    def _outlives(self, task: Task) -> bool:
        """Whether a run goes on without this daemon. Nobody would learn how a test ended."""
        return self._fx.executor.outlives and not task.test

    async def _run(self, row: JobRow, task: Task, mailbox: Mailbox) -> None:
        try:
            with trio.CancelScope(shield=True):  # it is claimed: a stop from now on is recorded
                fd = await self.thread(lambda: self._open(row, mailbox.owner))
        except Unreadable:
            why = "the message is no longer there, or no longer a plain file"
            await self._record(task, Run(-1, False, 0, why, "message-gone"))
            return
        except OSError as error:
            await self._record(task, _not_spawned(error))
            return
        try:
            await self._execute(task, fd)
        finally:
            os.close(fd)

    def _open(self, row: JobRow, owner: str) -> int:
        if not row.path:
            return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)  # nothing was persisted (a deferred send)
        return self._folders.open_message(row.folder, row.mailbox, owner, row.email_id)  # type: ignore[arg-type]

    async def _execute(self, task: Task, stdin: int, shown: int = limits.HOOK_STDERR_TAIL_CHARACTERS) -> Run:
        """Run and record. Cancelled: what outlives this daemon is recorded by the next one."""
        run = _INTERRUPTED
        try:
            with self._knowing(task, task.account.uid):
                try:
                    run = await fire.fire(self._fx, task, stdin, shown)
                except OSError as error:  # no descriptors are left: that is an outcome too
                    run = _not_spawned(error)
        finally:
            if run is not _INTERRUPTED or not self._outlives(task):
                await self._conclude(task, run)
        return run

    async def _conclude(self, task: Task, run: Run) -> None:
        """Record how a run ended; only then may its executor forget it. Raises: as `_record`."""
        try:
            await self._record(task, run)
        except StorageFailed:
            await self._fx.executor.forget(task.unit)  # a test, of which its caller will not ask again
            raise
        await self._fx.executor.forget(task.unit)

    async def _record(self, task: Task, run: Run) -> None:
        """Tell how a run ended, however long state.db cannot be written; cancelled, after one try.

        Raises: StorageFailed for a run that somebody asked for and waits to hear of.
        """
        fire.log_line(task, run, self._fx.executor.name)
        while True:
            try:
                with trio.CancelScope(shield=True):
                    await self._write(task, run)
                return
            except StorageFailed as error:
                if task.test:
                    raise
                why = error.detail or error.reason
                log.error("hook-not-recorded", hook_name=task.hook.name, email_id=task.email_id, why=why)
            await trio.sleep(limits.HOOK_RECORD_RETRY_S)

    async def _write(self, task: Task, run: Run) -> None:
        tail = run.stderr_tail[-limits.HOOK_STDERR_TAIL_CHARACTERS :]
        result = Result(
            run.exit_code, run.timed_out, run.duration_ms, tail, run.reason, run.cpu_ms, run.peak_octets
        )  # fmt: skip
        finished = HookFinished(
            at=self._fx.now(), mailbox=task.mailbox, owner_uid=task.account.uid, hook=task.hook.name, id=task.email_id,
            run=task.run, exit_code=run.exit_code, duration_ms=run.duration_ms, timed_out=run.timed_out,
            reason=run.reason or "",
        )  # fmt: skip

        def work(db):  # type: ignore[no-untyped-def]
            if jobs.finish(db, task.run, finished.at, result):  # a failed commit may have been one
                eventlog.append(db, finished)

        await self.db(work)
        self._fx.events.logged()

    async def _skip(self, row: JobRow, reason: str, uid: int | None) -> None:
        fire.log_skip(row.hook, row.event, row.mailbox, row.email_id, reason)
        event = HookSkipped(
            at=self._fx.now(), mailbox=row.mailbox, owner_uid=uid, hook=row.hook, id=row.email_id, reason=reason
        )

        def work(db):  # type: ignore[no-untyped-def]
            jobs.skip(db, row.id, event.at, reason)
            return eventlog.append(db, event)

        await self.db(work)
        self._fx.events.logged()

    # A run that was asked for

    async def try_out(self, row: JobRow, hook: Hook, account: Account, stdin: int) -> tuple[int, Run]:
        """Run a hook as a test. Returns: number of the run, and its outcome. Raises: StorageFailed."""
        task = msgspec.structs.replace(self._task(row, hook, account), test=True)

        def begin(db):  # type: ignore[no-untyped-def]
            run = jobs.insert_test(db, row, self._fx.now(), account.uid)
            return self._start(db, msgspec.structs.replace(task, run=run))

        task = await self.db(begin)
        self._fx.events.logged()
        return task.run, await self._execute(task, stdin, limits.HOOK_TEST_TAIL_CHARACTERS)

    # A run that an earlier daemon started

    async def resume(self, left: Outliving) -> None:
        """Await the end of a run, or record that nothing is known of it. Raises: StorageFailed."""
        row = left.row
        hook = Hook(row.hook, row.event, (), timeout_secs=limits.HOOK_TIMEOUT_MAX_S)
        account = await self._account_of(left)
        task = msgspec.structs.replace(self._task(row, hook, account), token=left.token, unit=left.unit)
        with self._knowing(task, left.uid):
            before_ms = (self._fx.now() - left.started) * 1000
            run = await fire.resume(self._fx, left.unit, hook.timeout_secs, before_ms)
        await self._conclude(task, run if run is not None else Run(-1, False, 0, "", jobs.RESTART))

    async def _account_of(self, left: Outliving) -> Account:
        """Whom a run is: the mailbox's owner, unless it has had another one since."""
        mailbox = self._config().mailboxes.get(left.row.mailbox)
        owner = mailbox.owner if mailbox is not None else ""
        found = await self.thread(lambda: self._fx.accounts.find(owner)) if owner else None
        if found is not None and found.uid == left.uid:
            return found
        return Account(str(left.uid), left.uid, left.uid, "", "", ())

    async def tidy(self) -> None:
        """Let the executor remove what earlier daemons left and nobody waits for."""

        async def known() -> list[str]:
            return [left.unit for left in await self.db(jobs.outliving)]

        prefix = await self.db(jobs.unit_prefix)
        await self._fx.executor.tidy(prefix, known)
