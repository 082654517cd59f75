"""The bounded pool of hooks: one mail's hooks in config order, different mails in parallel.

The rows of state.db are the queue: whatever the backlog, only a screenful of it is ever in memory.
"""

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import trio

from aimx import limits, log
from aimx.effects.accounts import Account
from aimx.effects.api import Effects
from aimx.errors import StorageFailed
from aimx.flows import fire
from aimx.flows.fire import Run, Task
from aimx.model.caller import Caller
from aimx.model.config import Config, Hook, HookEvent, Mailbox
from aimx.model.event import Event, HookFinished, HookSkipped, HookStarted
from aimx.policy import firing
from aimx.store import eventlog, jobs
from aimx.store.jobs import JobRow
from aimx.store.mailbox import Folders, Unreadable
from aimx.store.state import State

T = TypeVar("T")
_Logged = tuple[int, Event]


class HookPool:
    """Takes runnable jobs from state.db and runs them."""

    def __init__(self, fx: Effects, state: State, folders: Folders, config: Callable[[], Config]) -> None:
        self._fx = fx
        self._state = state
        self._folders = folders
        self._config = config
        self._wake = trio.Event()
        self._threads = trio.CapacityLimiter(limits.HOOK_THREADS)
        self._mails: set[tuple[str, str, str, str, int]] = set()  # whose job is running; never two of one mail
        self._hooks: Counter[str] = Counter()  # running, by name
        self._mailboxes: Counter[str] = Counter()  # the same, by mailbox
        self._tokens: dict[str, Task] = {}  # AIMX_JOB → what runs
        self._scope = trio.CancelScope()
        self._idle = trio.Event()

    def wake(self) -> None:
        """There may be runnable jobs."""
        self._wake.set()

    def event_of(self, token: str, caller: Caller) -> HookEvent | None:
        """The event of the running hook that has this token (U5), if the caller is its owner or root."""
        task = self._tokens.get(token)
        if task is None or not (caller.is_root or caller.uid == task.account.uid):
            return None
        return task.hook.event

    @contextmanager
    def knowing(self, task: Task) -> Iterator[None]:
        """Processes of this run are recognised by its token."""
        self._tokens[task.token] = task
        try:
            yield
        finally:
            del self._tokens[task.token]

    async def run(self) -> None:
        """Run jobs until cancelled or drained."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    while True:
                        self._wake = trio.Event()
                        if await self._look(nursery):
                            await self._wake.wait()
                        else:
                            await trio.sleep(limits.HOOK_RECORD_RETRY_S)
        finally:
            self._idle.set()

    async def drain(self) -> None:
        """Start nothing more; running hooks get TERM, then KILL, and are recorded as interrupted (U7)."""
        self._scope.cancel()
        await self._idle.wait()

    async def run_mail(self, mailbox: str, email_id: str) -> None:
        """Run the jobs of one received mail now and return when they have ended."""
        for row in await self._db(lambda db: jobs.of_mail(db, mailbox, email_id)):
            await self._job(row)

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
            rows = await self._db(lambda db, a=after, w=without: jobs.pending(db, a, limits.HOOK_ROWS, *w))
            for row in rows:
                if len(self._mails) < limits.HOOK_POOL and await self._may_run(row):
                    self._mails.add(row.mail)
                    self._hooks[row.hook] += 1
                    self._mailboxes[row.mailbox] += 1
                    nursery.start_soon(self._slot, row)
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
        return not await self._db(lambda db: jobs.earlier(db, row))

    async def _slot(self, row: JobRow) -> None:
        try:
            await self._job(row)
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

    async def _db(self, work):  # type: ignore[no-untyped-def]
        return await self._thread(lambda: self._state.run(work))

    async def _thread(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._threads)

    # Running

    async def _job(self, row: JobRow) -> None:
        config = self._config()
        mailbox = config.mailboxes.get(row.mailbox)
        hook = next((hook for hook in mailbox.hooks if hook.name == row.hook), None) if mailbox else None
        if mailbox is None or hook is None or hook.event != row.event:
            await self._skip(row, "hook-removed", None)
            return
        owner = mailbox.owner
        account = await self._thread(lambda: self._fx.accounts.find(owner))  # may ask a directory service
        uid = account.uid if account is not None else None
        problem = firing.owner_problem(owner, uid)
        if account is None or problem is not None:
            await self._skip(row, problem or "owner-not-found", uid)
            return
        started = await self._db(lambda db: self._claim(db, row, config.hook_thread_budget, account.uid))
        if started is None:
            return
        if isinstance(started, str):
            await self._skip(row, started, account.uid)
            return
        self._fx.events.logged()
        await self._run(row, self.task(row, hook, account), mailbox)

    def _claim(self, db, row: JobRow, budget: int, uid: int) -> _Logged | str | None:  # type: ignore[no-untyped-def]
        """Count and start in one transaction.

        Returns: why not, when the conversation has used up its budget (U5); None when it was started before.
        """
        if not jobs.waits(db, row.id):
            return None
        now = self._fx.now()
        if budget and row.conversation:
            since = now - limits.HOOK_BUDGET_WINDOW_S
            if jobs.fires(db, row.hook, row.conversation, since) >= budget:
                return "thread-budget"
        jobs.start(db, row.id, now, uid)
        event = HookStarted(at=now, mailbox=row.mailbox, owner_uid=uid, hook=row.hook, id=row.email_id, run=row.id)
        return eventlog.append(db, event)

    def task(self, row: JobRow, hook: Hook, account: Account) -> Task:
        """A row with what is held for its run."""
        directory = str(self._config().data_dir / "inbox" / row.mailbox)
        return Task(
            row.id, hook, row.mailbox, row.email_id, row.path, directory, row.env, account,
            change_identity=self._fx.accounts.as_root, token=secrets.token_hex(16),
        )  # fmt: skip

    async def _run(self, row: JobRow, task: Task, mailbox: Mailbox) -> None:
        run = Run(-1, False, 0, "", "interrupted")
        try:
            with self.knowing(task):
                run = await self._with_stdin(row, task, mailbox.owner)
        finally:
            with trio.CancelScope(shield=True):
                await self.record(row, task, run)

    async def record(self, row: JobRow, task: Task, run: Run) -> None:
        """Tell how a run ended."""
        fire.log_line(task, run, "fallback")
        result = (run.exit_code, run.timed_out, run.duration_ms, run.stderr_tail, run.reason)
        finished = HookFinished(
            at=self._fx.now(), mailbox=row.mailbox, owner_uid=task.account.uid, hook=row.hook, id=row.email_id,
            run=row.id, exit_code=run.exit_code, duration_ms=run.duration_ms, timed_out=run.timed_out,
            reason=run.reason or "",
        )  # fmt: skip

        def work(db):  # type: ignore[no-untyped-def]
            jobs.finish(db, row.id, finished.at, result)
            return eventlog.append(db, finished)

        await self._db(work)
        self._fx.events.logged()

    async def _with_stdin(self, row: JobRow, task: Task, owner: str) -> Run:
        try:
            fd = await self._thread(lambda: self._open(row, owner))
        except Unreadable:
            return Run(-1, False, 0, "the message is no longer there, or no longer a plain file", "message-gone")
        try:
            return await self.fire(task, fd)
        finally:
            os.close(fd)

    async def fire(self, task: Task, stdin: int, shown: int = limits.HOOK_STDERR_TAIL_CHARACTERS) -> Run:
        """As `fire.fire`; that there are no descriptors left is an outcome too."""
        try:
            return await fire.fire(self._fx, task, stdin, shown)
        except OSError as error:
            return Run(-1, False, 0, f"spawn-failed: {error.strerror}", "spawn-failed")

    def _open(self, row: JobRow, owner: str) -> int:
        if not row.path:
            return os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)  # nothing was persisted (a deferred send)
        return self._folders.open_message(row.folder, row.mailbox, owner, row.email_id)  # type: ignore[arg-type]

    async def _skip(self, row: JobRow, reason: str, uid: int | None) -> None:
        fire.log_skip(row.hook, row.event, row.mailbox, row.email_id, reason)
        event = HookSkipped(
            at=self._fx.now(), mailbox=row.mailbox, owner_uid=uid, hook=row.hook, id=row.email_id, reason=reason
        )

        def work(db):  # type: ignore[no-untyped-def]
            jobs.skip(db, row.id, event.at, reason)
            return eventlog.append(db, event)

        await self._db(work)
        self._fx.events.logged()
