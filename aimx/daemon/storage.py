"""The store on trio: commits in a thread, events and hooks told afterwards, the spool tried again."""

import math
import os
import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import msgspec
import trio

from aimx import limits, log
from aimx.daemon.gates import Gates
from aimx.effects.accounts import Accounts
from aimx.effects.lock import WriterLock
from aimx.errors import AimxError, Failed, StorageFailed
from aimx.model.config import Config
from aimx.model.delivery import CommitPlan, Conclusion, Outcome
from aimx.model.outbound import Claim, FirstAnswer
from aimx.store import jobs, readme, recovery
from aimx.store.commit import Committed, Committer
from aimx.store.conclude import Concluder, Noted, Told
from aimx.store.group import Group, Steps, Task
from aimx.store.index import Index
from aimx.store.repeats import Repeats
from aimx.store.spool import Spool
from aimx.store.state import State
from aimx.store.tree import Tree
from aimx.store.wipe import Wiper

T = TypeVar("T")


class StorageParts(msgspec.Struct, frozen=True):
    """What a process that writes below data_dir holds."""

    lock: WriterLock
    state: State
    committer: Committer
    accounts: Accounts

    def close(self) -> None:
        """Finish what is queued and let go of everything."""
        self.state.close()
        self.committer.index.close()
        self.committer.tree.close()
        self.lock.release()


def open_storage(config: Config) -> StorageParts:
    """Take the writer lock, open the databases, finish what a crash left.

    Raises: DaemonRunning, StorageFailed, Failed.
    """
    accounts = Accounts(as_root=os.geteuid() == 0)
    tree = Tree(config.data_dir, accounts)
    lock = WriterLock(tree.private, config.data_dir)
    now = time.time()
    state = State(str(config.data_dir / ".aimx" / "state.db"))
    index = Index(str(config.data_dir / ".aimx" / "index.db"), tree)
    committer = Committer(tree, state, index, Repeats())
    recovery.recover(committer)
    committer.load_repeats(now)
    for run in state.run(lambda db: jobs.interrupt_started(db, now)):
        log.warning("hook-interrupted", hook_name=run.hook, mailbox=run.mailbox, email_id=run.id, reason=run.reason)
    state.run(jobs.release_all)
    committer.maintain(now)
    Wiper(committer).recover(frozenset(config.mailboxes))
    Spool(committer).adopt()
    prepare_mailboxes(committer, config)
    readme.refresh(tree.root)
    return StorageParts(lock, state, committer, accounts)


def prepare_mailboxes(committer: Committer, config: Config) -> None:
    """Make the directories of configured mailboxes; what cannot take mail is a warning that says what to run."""
    for mailbox in config.mailboxes.values():
        for folder in ("inbox",) if mailbox.catchall else ("inbox", "sent"):
            problem = committer.tree.folders.prepare(folder, mailbox.name, mailbox.owner)  # type: ignore[arg-type]
            if problem:
                log.warning("mailbox-unwritable", mailbox=mailbox.name, folder=folder, why=problem)


class Storage:
    """Implements effects.api.Store over a Committer."""

    def __init__(
        self, committer: Committer, logged: Callable[[], None], config: Callable[[], Config] | None = None
    ) -> None:
        """`logged` is called when the event log has grown.

        `config`: the snapshot in force; without it every plan counts as made a moment ago.
        """
        self.committer = committer
        self.gates = Gates()
        self._config = config
        self._spool = Spool(committer)
        self._concluder = Concluder(committer)
        self._unreleased: tuple[int, ...] = ()
        self._logged = logged
        self._group = Group(committer.state, self._told)
        self._ended: dict[Task, trio.Event] = {}
        self._token: trio.lowlevel.TrioToken | None = None
        self._care = trio.CapacityLimiter(1)
        self._wake: Callable[[], None] = lambda: None
        self._retry = trio.Event()

    def on_runnable(self, wake: Callable[[], None]) -> None:
        """Whom to tell that jobs may be runnable."""
        self._wake = wake

    async def commit(self, plan: CommitPlan) -> tuple[Outcome, ...]:
        """Store every copy, together with whatever else is being stored now. Raises: StorageFailed, Failed."""
        async with self.gates.writing(copy.mailbox for copy in plan.copies):
            self.still_theirs((copy.mailbox, copy.owner) for copy in plan.copies)
            committed: Committed = await self.carry(self.committer.steps(plan))
            self.tell(committed.events)
        return committed.outcomes

    def still_theirs(self, boxes: Iterable[tuple[str, str]]) -> None:
        """What was removed, or given to somebody else, since it was looked up is not touched. Raises: Failed."""
        if self._config is None:
            return
        mailboxes = self._config().mailboxes
        for name, owner in boxes:
            mailbox = mailboxes.get(name)
            if mailbox is None or mailbox.owner != owner:
                raise Failed("try again", detail=f"mailbox removed or given away meanwhile: {name}")

    async def conclude(self, conclusion: Conclusion) -> tuple[int, ...]:
        """Settle a pending sent record and tell the event; the ids of its held jobs. Trouble is logged."""
        concluded: Noted = await self.carry(self._concluder.steps(conclusion))
        self.tell(concluded[1])
        return concluded[0]

    async def claimed(self, claim: Claim, now: float) -> FirstAnswer | None:
        """What was answered to this message under this key. Raises: as effects.api.Store.claimed."""
        answer: FirstAnswer | None = await self.carry(self.committer.claimed(claim, now))
        return answer

    async def release(self, jobs: tuple[int, ...]) -> None:
        """Held jobs may run now, or as soon as that can be recorded."""
        held = self._unreleased + jobs
        self._unreleased = ()
        if not held:
            return
        try:
            await self.carry(self.committer.release(held))
        except StorageFailed as error:
            log.error("hooks-not-released", jobs=len(held), why=error.detail or error.reason, note="tried again")
            self._unreleased += held
        self._wake()

    async def carry(self, steps: Steps[Any]) -> Any:
        """Run steps to their end, in company. Shielded. Raises: what they raise."""
        task = Task(steps)
        ended = self._ended[task] = trio.Event()
        self._token = trio.lowlevel.current_trio_token()
        if self._group.add(task):
            trio.lowlevel.start_thread_soon(self._group.drive, _driven)
        while not ended.is_set():
            # Nobody looks after a commit that has begun: it ends, and each look costs as much as a reply.
            until = math.inf if task.begun else trio.current_time() + limits.COMMIT_STALL_S
            with trio.CancelScope(shield=True, deadline=until):
                await ended.wait()
            if not ended.is_set() and self._group.stalled(task):
                trio.lowlevel.start_thread_soon(self._group.drive, _driven)
        return task.result()

    def tell(self, events: Told) -> None:
        """Events are in the log."""
        if events:
            self._logged()

    def _told(self, tasks: list[Task]) -> None:
        """Called in the thread that stores."""
        assert self._token is not None
        try:
            self._token.run_sync_soon(self._wake_up, tasks)
        except trio.RunFinishedError:
            return  # nobody is left who could want to know

    def _wake_up(self, tasks: list[Task]) -> None:
        for task in tasks:
            self._ended.pop(task).set()

    def wake_hooks(self) -> None:
        """There may be runnable jobs."""
        self._wake()

    def note_unseen(self, repeat_key: bytes, mailboxes: tuple[str, ...]) -> None:
        """The peer vanished between our 250 and its next command (R5). Never waits."""
        self.committer.note_unseen(repeat_key, mailboxes, time.time())

    def retry_spool(self) -> None:
        """Try the spool now rather than at the next interval: the configuration changed."""
        self._retry.set()

    async def run(self, config: Callable[[], Config]) -> None:
        """Try the spool at start, at every interval and when asked; forget what is old."""
        while True:
            try:
                await self._take_care(config)
            except AimxError as error:
                log.error("spool-retry-failed", why=error.detail or error.reason)
            except OSError as error:
                log.error("spool-retry-failed", why=str(error))
            with trio.move_on_after(limits.SPOOL_RETRY_S):
                await self._retry.wait()
            if self._retry.is_set():
                self._retry = trio.Event()
                await trio.to_thread.run_sync(prepare_mailboxes, self.committer, config(), limiter=self._care)

    async def _take_care(self, config: Callable[[], Config]) -> None:
        held, events = await self.carry(self._concluder.again())
        self.tell(events)
        await self.release(held)
        await self._try_spool(config)
        await trio.to_thread.run_sync(self.committer.maintain, time.time(), limiter=self._care)

    async def _try_spool(self, config: Callable[[], Config]) -> None:
        """Copy by copy, each for whoever owns the mailbox when it is its turn."""
        for mailbox in await self._aside(self._spool.mailboxes):
            after: int | None = 0
            while after is not None:
                async with self.gates.writing((mailbox,)):
                    configured = config().mailboxes.get(mailbox)
                    owner = configured.owner if configured is not None else None
                    with trio.CancelScope(shield=True):
                        after, events = await self._aside(partial(self._spool.step, mailbox, after, owner))
                self.tell(events)
                if events:
                    self._wake()

    async def _aside(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._care)


def _driven(outcome: Any) -> None:
    """The storing thread has nothing left to do; an error that ends it is a bug, told where it happened."""
    outcome.unwrap()
