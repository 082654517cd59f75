"""At start: roll every intent of a crashed process forward, or drop what is incomplete; leave nothing in staging.

Runs before anything else writes. Never guesses: what it cannot finish it names in the log.
"""

import functools
import os

import msgspec

from aimx import log
from aimx.effects import files
from aimx.model.event import Event
from aimx.store import ledger, staging
from aimx.store.commit import Committer
from aimx.store.intent import Intent, Staged
from aimx.store.ledger import Settled
from aimx.store.publish import Draft


def recover(committer: Committer) -> list[tuple[int, Event]]:
    """Finish what a crash interrupted. Raises: StorageFailed, OSError."""
    events: list[tuple[int, Event]] = []
    for intent_id, plan in committer.state.run(ledger.pending):
        if plan is None:
            log.error("intent-unreadable", id=intent_id, note="dropped; its sender was never told that we have it")
            committer.state.run(functools.partial(ledger.forget, intent_id=intent_id))
        else:
            events += _roll_forward(committer, intent_id, plan)
    _sweep(committer.tree.staging)
    return events


def _sweep(home: int) -> None:
    for entry in os.listdir(home):
        try:
            files.remove(home, entry)
        except OSError as error:
            log.warning("staging-not-removed", entry=entry, why=str(error))


def _roll_forward(committer: Committer, intent_id: int, plan: Intent) -> list[tuple[int, Event]]:
    found = [_resume(committer, intent_id, plan, position) for position in range(len(plan.copies))]
    settled = tuple(copy for copy in found if copy is not None)
    if len(settled) < len(plan.copies):
        log.warning("intent-dropped", copies=len(plan.copies), found=len(settled))
    rows = tuple((plan.repeat_key or b"", copy.staged.mailbox, plan.received_at) for copy in settled)

    def work(db):  # type: ignore[no-untyped-def]
        if plan.repeat_key is not None:
            ledger.note_unseen(db, rows)
        return ledger.settle(db, intent_id, plan, settled, committer.tree.path)

    events = committer.state.run(work)
    if settled:
        log.info("intent-recovered", copies=len(settled))
        committer.index.add(settled)
    return events


def _resume(committer: Committer, intent_id: int, plan: Intent, position: int) -> Settled | None:
    tree, publisher, staged = committer.tree, committer.publisher, plan.copies[position]
    if staging.complete(tree.staging, staged):
        home = tree.staging
    elif staging.complete(tree.spool, staged):
        home = tree.spool
    else:
        return publisher.published(staged)
    draft = Draft(staged, home, staged.stem)

    def promise(changed: Staged) -> None:
        copies = list(plan.copies)
        copies[position] = changed
        intent = msgspec.structs.replace(plan, copies=tuple(copies))
        committer.state.run(lambda db: ledger.promise_again(db, intent_id, intent))

    try:
        done = publisher.publish(draft, promise)
        if isinstance(done, str) and staged.folder == "sent":
            publisher.discard(draft)  # its message never left, and who wanted to send it was never told anything
            return None
        if isinstance(done, str):
            log.warning("recovered-to-spool", mailbox=staged.mailbox, reason=done)
            return publisher.to_spool(draft, done)
        return done
    finally:
        publisher.release(draft)
