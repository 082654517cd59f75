"""The record of a send: pending before the first network octet, then with its outcome, and the hooks that tell it."""

from aimx import limits
from aimx.effects.api import Effects
from aimx.flows.answer import refusal
from aimx.model.delivery import CommitPlan, Conclusion, Copy, Placed
from aimx.model.hook import Thread, Within
from aimx.model.outbound import FirstAnswer, Record, Submission
from aimx.policy import firing
from aimx.policy.verdict import Verdict
from aimx.store import document, layout, sent
from aimx.store.sent import Letter


async def begin(fx: Effects, letter: Letter, within: Within | None) -> Placed:
    """Write down that a message is about to leave. `within`: the hook run that it is sent from.

    Commits: the record, its status `pending`. Cancellation: shielded.
    Raises: StorageFailed with nothing kept, also when its owner's directory takes no record.
    """
    mailbox, submission = letter.mailbox, letter.submission
    copy = Copy(
        mailbox=mailbox.name,
        folder="sent",
        owner=mailbox.owner,
        stem=layout.stem(fx.now(), submission.subject),
        document=sent.head(letter, Record("pending")),
        files=sent.files(letter),
        summary={**_summary(submission), "status": "pending"},
        body=sent.text(letter),
        thread=Thread(firing.names(submission.message_id, submission.in_reply_to, submission.references), within),
    )
    (placed,) = await fx.store.commit(CommitPlan((copy,), fx.now(), may_spool=False, claim=letter.claim))
    assert isinstance(placed, Placed)
    return placed


async def end(fx: Effects, letter: Letter, placed: Placed, decided: Verdict, within: Within | None) -> tuple[int, ...]:
    """Write down how it ended, or nothing of it when all recipients were deferred (S6).

    `within`: the hook run that it was sent from.
    Returns: the hook runs that have to be released once the caller has its answer (O5).
    Commits: the record, those runs and the event. Cancellation: shielded.
    """
    kept, mailbox, submission, at = decided.record, letter.mailbox, letter.submission, fx.now()
    head = document.with_id(sent.head(letter, kept), placed.id) if kept is not None else None
    jobs = firing.after_send(mailbox, submission, decided.status, sent.instant(at), within.event if within else None)
    answer = _first_answer(decided, submission) if kept is not None else None
    conclusion = Conclusion(
        placed, head, sent.text(letter), jobs, at, decided.status, _summary(submission), letter.claim, answer
    )
    return await fx.store.conclude(conclusion)


def _first_answer(decided: Verdict, submission: Submission) -> FirstAnswer:
    """What whoever sends this again under its key is told."""
    if decided.problem is None:
        return FirstAnswer("", f"<{submission.message_id}>")
    told = refusal(decided.problem)
    return FirstAnswer(str(told.code), told.reason)


def _summary(submission: Submission) -> dict[str, str]:
    most = limits.SUMMARY_CHARACTERS
    return {
        "from": submission.from_[:most],
        "to": submission.to[:most],
        "subject": submission.subject[:most],
        "message_id": submission.message_id[:most],
        "in_reply_to": submission.in_reply_to[:most],
        "references": " ".join(submission.references)[-most:],
        "thread_id": submission.thread_id,
    }
