"""Settle a send: its record says how it ended, or is gone; its event has a number, its hooks are held (S6, O5).

Runs as steps, like a commit. The message has left: whatever happens to the record changes nothing of that, so trouble
with it is logged and tried again, and never becomes the caller's answer.
"""

import msgspec

from aimx import limits, log
from aimx.errors import StorageFailed
from aimx.model.delivery import Conclusion
from aimx.model.event import Event
from aimx.store import ledger
from aimx.store.commit import Committer
from aimx.store.group import Steps, Work
from aimx.store.replace import Replacer

Told = list[tuple[int, Event]]
Noted = tuple[tuple[int, ...], Told]  # ids of held jobs, events to tell


class Concluder:
    """Carries out Conclusions. Thread-safe."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._replacer = Replacer(committer.tree, committer.publisher.litter)
        self._unsettled: list[Conclusion] = []
        self._unnoted: list[tuple[Conclusion, str, str]] = []

    def steps(self, done: Conclusion) -> Steps[Noted]:
        """Settle one send. Returns: ids of the held jobs, events to tell; none while state.db cannot be written."""
        email_id, path, _ = yield from self._record(done)
        noted = yield from self._note(done, email_id, path)
        self._committer.publisher.litter.sweep()
        return noted

    def again(self) -> Steps[Noted]:
        """What could not be settled, for want of space, say, is tried once more. Returns: jobs that may be released."""
        records, self._unsettled = self._unsettled, []
        for done in records:
            if not (yield from self._record(done))[2]:
                log.info("record-settled", mailbox=done.placed.mailbox, id=done.placed.id, status=done.status)
        sends, self._unnoted = self._unnoted, []
        held: tuple[int, ...] = ()
        events: Told = []
        for done, email_id, path in sends:
            noted = yield from self._note(done, email_id, path)
            held, events = held + noted[0], events + noted[1]
        return held, events

    def _note(self, done: Conclusion, email_id: str, path: str) -> Steps[Noted]:
        """Its event and its hook runs, in state.db."""
        owner_uid = self._owner_uid(done.placed.ref.owner)
        try:
            noted: Noted = yield Work(lambda db: ledger.conclude(db, done, (email_id, path), owner_uid))
        except StorageFailed as error:
            again = len(self._unnoted) < limits.SENDS_UNNOTED
            log.error(
                "outcome-not-recorded", **_what(done, error.detail or error.reason), hooks=len(done.jobs), again=again
            )
            if again:
                self._unnoted.append((msgspec.structs.replace(done, document=None, body=b""), email_id, path))
            return (), []
        return noted

    def _record(self, done: Conclusion) -> Steps[tuple[str, str, str]]:
        """Returns: id and path of the record, empty when there is none; and why it does not say how the send ended."""
        ref = done.placed.ref
        try:
            if done.document is None:
                problem = yield from self._replacer.remove(ref)
                if not problem:
                    self._committer.index.forget(ref)
            else:
                mark = yield from self._replacer.replace(ref, done.document, done.body)
                problem = mark if isinstance(mark, str) else ""
                if not isinstance(mark, str):
                    self._committer.index.change(ref)
        except (OSError, StorageFailed) as error:
            again = len(self._unsettled) < limits.RECORDS_UNSETTLED
            log.error("record-not-settled", **_what(done, str(error)), again=again)
            if again:
                self._unsettled.append(done)
            return (ref.id, done.placed.path, str(error)) if done.document is not None else ("", "", str(error))
        if problem:
            log.warning("record-not-settled", **_what(done, problem))
        if done.document is None:
            return "", "", problem
        return ref.id, "" if problem else done.placed.path, problem

    def _owner_uid(self, owner: str) -> int | None:
        account = self._committer.tree.accounts.identity(owner)
        return account.uid if account is not None else None


def _what(done: Conclusion, why: str) -> dict[str, object]:
    return {"mailbox": done.placed.mailbox, "id": done.placed.id, "status": done.status, "why": why}
