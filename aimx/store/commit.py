"""Commit a message: stage and sync, promise, publish, sync directories, settle (R3).

Runs as steps, so that messages in flight share syncs and transactions (store.group). When it ends, every copy is on
disk under its final name or in the spool, and synced; when it raises, nothing of the message is left anywhere.
"""

import sqlite3
import threading
import time

from aimx import limits, log
from aimx.errors import AimxError, StorageFailed
from aimx.model.delivery import CommitPlan, Copy, Duplicate, InSpool, Outcome, Placed, Ref
from aimx.model.event import Event
from aimx.model.outbound import Claim, FirstAnswer
from aimx.store import claims, group, jobs, ledger
from aimx.store.elapsed import Elapsed
from aimx.store.group import Steps, Sync, Work
from aimx.store.index import Index
from aimx.store.intent import Intent, Staged
from aimx.store.ledger import Settled
from aimx.store.mailbox import Folders
from aimx.store.publish import Draft, Publisher, path_of
from aimx.store.repeats import Repeats, Row
from aimx.store.state import State
from aimx.store.tree import Tree

Stored = tuple[list[Settled], list[tuple[int, Event]]]


class Committed:
    """What a commit did: an outcome per copy of the plan, and the events to tell."""

    def __init__(self, outcomes: tuple[Outcome, ...], events: list[tuple[int, Event]]) -> None:
        self.outcomes = outcomes
        self.events = events


class Committer:
    """The only code that carries out a CommitPlan. Thread-safe."""

    def __init__(self, tree: Tree, state: State, index: Index, repeats: Repeats) -> None:
        self.tree = tree
        self.state = state
        self.index = index
        self.publisher = Publisher(tree)
        self._repeats = repeats
        self._claims = Elapsed(limits.CLAIM_S)
        self._lock = threading.Lock()
        self._withdrawn: list[int] = []

    @property
    def folders(self) -> Folders:
        """The mailbox directories."""
        return self.tree.folders

    def commit(self, plan: CommitPlan) -> Committed:
        """Store every copy, alone in this thread. Raises: StorageFailed, with nothing left behind."""
        return group.run(self.state, self.steps(plan))

    def steps(self, plan: CommitPlan) -> Steps[Committed]:
        """Store every copy. Raises: StorageFailed, with nothing left behind."""
        repeats = self._repeats.take(plan.repeat_key, tuple(copy.mailbox for copy in plan.copies), plan.received_at)
        repeated = {mailbox for _, mailbox, _ in repeats}
        try:
            copies = [copy for copy in plan.copies if copy.mailbox not in repeated]
            settled, events = yield from self._store(copies, plan, repeats)
        except BaseException as error:
            self._repeats.put(repeats)
            if isinstance(error, OSError):
                raise StorageFailed("storage failed", detail=f"commit: {error}") from error
            raise
        by_mailbox = {copy.staged.mailbox: self._outcome(copy) for copy in settled}
        outcomes = tuple(by_mailbox.get(copy.mailbox) or Duplicate(copy.mailbox) for copy in plan.copies)
        return Committed(outcomes, events)

    def _outcome(self, copy: Settled) -> Outcome:
        if copy.spooled is not None:
            return InSpool(copy.staged.mailbox, copy.spooled)
        staged = copy.staged
        names = tuple(name for name, _ in staged.sizes[1:])
        ref = Ref(staged.folder, staged.mailbox, staged.owner, copy.stem, staged.mark, names)
        return Placed(staged.mailbox, copy.stem, path_of(self.tree, copy), ref)

    def _store(self, copies: list[Copy], plan: CommitPlan, repeats: tuple[Row, ...]) -> Steps[Stored]:
        """`repeats`: what its acknowledgement uses up, in the transaction that settles it: both or neither."""
        if not copies:
            if repeats:
                yield Work(lambda db: ledger.forget_repeats(db, repeats))
            return [], []
        intent_id: int | None = None
        drafts: list[Draft] = []
        try:
            for copy in copies:
                drafts.append(self.publisher.stage(copy))
                if len(drafts) > limits.DIRECTORIES_HELD:
                    drafts[-1].close()
            yield Sync(self.tree.staging)
            intent_id = promised = yield from self._promise(_intent(drafts, plan))
            settled = []
            for draft in drafts:
                settled.append((yield from self._publish(draft, drafts, promised, plan)))
            final, intent = tuple(settled), _intent(drafts, plan)

            def settle(db: sqlite3.Connection) -> list[tuple[int, Event]]:
                ledger.forget_repeats(db, repeats)
                return ledger.settle(db, promised, intent, final, self.tree.path)

            events = yield Work(settle)
        except BaseException:
            self._undo(drafts, intent_id)
            raise
        finally:
            for draft in drafts:
                self.publisher.release(draft)
        self.index.add(settled)
        self.publisher.litter.sweep()
        return settled, events

    def _promise(self, intent: Intent) -> Steps[int]:
        with self._lock:
            withdrawn, self._withdrawn = self._withdrawn, []
        try:
            intent_id: int = yield Work(lambda db: ledger.promise(db, intent, withdrawn))
        except BaseException:
            with self._lock:
                self._withdrawn += withdrawn
            raise
        return intent_id

    def _publish(self, draft: Draft, drafts: list[Draft], intent_id: int, plan: CommitPlan) -> Steps[Settled]:
        def promise(_: Staged) -> None:
            intent = _intent(drafts, plan)
            self.state.run(lambda db: ledger.promise_again(db, intent_id, intent))

        done = self.publisher.move(draft, promise)
        if isinstance(done, str):
            if not plan.may_spool:
                raise StorageFailed(f"the record cannot be written: {done}", detail=f"{draft.staged.mailbox}: {done}")
            return self.publisher.to_spool(draft, done)
        assert draft.directory is not None
        yield Sync(draft.directory)
        draft.close()  # a message for a hundred mailboxes does not hold a hundred descriptors
        return done

    def _undo(self, drafts: list[Draft], intent_id: int | None) -> None:
        """Best effort after a failure of ours: no copy visible, no intent, nothing staged."""
        for draft in drafts:
            for problem in self.publisher.withdraw(draft):
                log.error("undo-failed", mailbox=draft.staged.mailbox, why=problem)
        if intent_id is None:
            return
        try:
            self.state.run(lambda db: ledger.forget(db, intent_id))
        except (AimxError, OSError) as error:
            log.error("undo-failed", why=getattr(error, "detail", "") or str(error))
            with self._lock:
                self._withdrawn.append(intent_id)

    def claimed(self, claim: Claim, now: float) -> Steps[FirstAnswer | None]:
        """The answer to an earlier send under this key. Raises: as claims.find."""
        since = self._claims.since(now, time.monotonic())
        answer: FirstAnswer | None = yield Work(lambda db: claims.find(db, claim, since))
        return answer

    def release(self, held: tuple[int, ...]) -> Steps[None]:
        """Held jobs may run now. Raises: StorageFailed."""
        yield Work(lambda db: jobs.release(db, held))

    def maintain(self, now: float) -> None:
        """Forget what is old, and intents that could not be forgotten when they came to nothing."""
        with self._lock:
            withdrawn, self._withdrawn = self._withdrawn, []
        since = self._claims.since(now, time.monotonic())

        def work(db):  # type: ignore[no-untyped-def]
            for intent_id in withdrawn:
                ledger.forget(db, intent_id)
            ledger.prune(db, now, since)

        self.publisher.litter.sweep()
        try:
            self.state.run(work)
        except BaseException:
            with self._lock:
                self._withdrawn += withdrawn
            raise

    def load_repeats(self, now: float) -> None:
        """Take up what an earlier process noted."""
        rows = self.state.run(lambda db: ledger.repeats(db, now))
        self._repeats.put(tuple(reversed(rows)))

    def note_unseen(self, key: bytes, mailboxes: tuple[str, ...], now: float) -> None:
        """The peer vanished before its next command: what it delivers again is a repeat (R5). Never waits."""
        rows = tuple((key, mailbox, now) for mailbox in mailboxes)
        self._repeats.put(rows)
        self.state.post(lambda db: ledger.note_unseen(db, rows))


def _intent(drafts: list[Draft], plan: CommitPlan) -> Intent:
    return Intent(tuple(draft.staged for draft in drafts), plan.received_at, plan.repeat_key, plan.claim)
