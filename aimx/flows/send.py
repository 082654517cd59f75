"""Send one message: who asks may send as its author, a worker composes, we sign, deliver, record and answer."""

import trio

from aimx import limits, log
from aimx.effects.api import Effects, Sending, WorkerLost
from aimx.errors import Failed, NoSender
from aimx.flows import deliver
from aimx.flows.answer import Answer, refusal
from aimx.mime import outbound
from aimx.model.config import Config
from aimx.model.delivery import CommitPlan, Conclusion, Copy, HookJob, Placed
from aimx.model.outbound import Composed, ComposeOrder, Parcel, Record, Submission
from aimx.policy import firing, route, verdict
from aimx.policy.authorize import Action, Authorized, SendAs
from aimx.policy.verdict import Verdict
from aimx.store import document, layout, sent
from aimx.store.sent import Letter
from aimx.wire.frames import Response, Send


async def action(fx: Effects, config: Config, frame: Send) -> Action:
    """What the caller wants to do: send as the author of this message. Raises: MalformedMessage, ForeignSender."""
    sending = _sending(fx)
    submission = outbound.read(frame.message, f"{sending.token()}@{config.domain}", fx.now())
    mailbox = route.sender(config, submission.author)
    if mailbox is None:
        return SendAs(None, None, submission)
    owner = mailbox.owner
    account = await trio.to_thread.run_sync(fx.accounts.identity, owner)
    return SendAs(account.uid if account is not None else None, mailbox, submission)


async def send(fx: Effects, config: Config, frame: Send, authorized: Authorized) -> Answer:
    """Deliver one message to every recipient; the answer follows delivery, hooks follow the answer (O5).

    Commits: a record of the send, pending before the first network octet, then with its outcome (S6).
    Cancellation: the record stays pending.
    Raises: NoSender, Refused, SignFailed, StorageFailed, Failed; with nothing sent and nothing kept.
    """
    assert isinstance(authorized.action, SendAs)
    mailbox, submission = authorized.action.mailbox, authorized.action.submission
    if mailbox is None:
        raise NoSender(
            f"no mailbox matches From: {submission.author} (run `aimx mailboxes create"
            f" {submission.author.local_part}` to register one; catchall is inbound-only)"
        )
    composed = await _compose(fx, config, frame, submission)
    outbound.check(submission, composed.head)
    if frame.dry_run:
        return Answer(Response("json", body=composed.head + b"\r\n" + composed.body))
    signature = _sending(fx).signer.sign(composed.head, composed.body_hash, fx.now())
    parcel = Parcel(str(submission.author), signature + composed.head + b"\r\n" + composed.body)
    letter = Letter(mailbox, submission, composed, len(parcel.octets))
    placed = await _record(fx, letter)
    outcomes = await deliver.deliver(fx, config, parcel, submission.recipients)
    decided = verdict.decide(outcomes, fx.now())
    with trio.CancelScope(shield=True):
        held = await _conclude(fx, letter, placed, decided)
    log.info(
        "sent", mailbox=mailbox.name, id=placed.id, status=decided.status, recipients=len(outcomes),
        message_id=submission.message_id,
    )  # fmt: skip

    async def afterwards() -> None:
        await fx.store.release(held)

    if decided.problem is not None:
        return Answer(refusal(decided.problem), afterwards)
    return Answer(Response("ok", note=f"<{submission.message_id}>"), afterwards)


def _sending(fx: Effects) -> Sending:
    if fx.sending is None:
        raise Failed("this process sends no mail")
    return fx.sending


async def _compose(fx: Effects, config: Config, frame: Send, submission: Submission) -> Composed:
    """One worker's work; another worker tries when it is lost."""
    in_hook = frame.hook_job is not None and _sending(fx).in_hook(frame.hook_job)
    order = ComposeOrder(
        frame.message, frame.html, frame.text_only, config.signature, submission.message_id, fx.now(), in_hook
    )
    attempts = victims = 0
    while attempts < limits.COMPOSE_ATTEMPTS and victims < limits.COMPOSE_VICTIMS:
        try:
            return await fx.workers.compose(order)
        except WorkerLost as error:
            attempts, victims = (attempts, victims + 1) if error.victim else (attempts + 1, victims)
            log.warning("compose-lost", attempt=attempts, victim=error.victim, why=str(error))
    raise Failed("the message could not be composed")


async def _record(fx: Effects, letter: Letter) -> Placed:
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
    )
    with trio.CancelScope(shield=True):
        (placed,) = await fx.store.commit(CommitPlan((copy,), fx.now(), may_spool=False))
    assert isinstance(placed, Placed)
    return placed


async def _conclude(fx: Effects, letter: Letter, placed: Placed, decided: Verdict) -> tuple[int, ...]:
    kept, mailbox, submission = decided.record, letter.mailbox, letter.submission
    head = sent.head(letter, kept) if kept is not None else None
    env = firing.sent_environment(submission, decided.status)
    jobs = tuple(
        HookJob(hook.name, mailbox.name, "after_send", env, "") for hook in mailbox.hooks if hook.event == "after_send"
    )
    conclusion = Conclusion(
        placed, document.with_id(head, placed.id) if head is not None else None, sent.text(letter), jobs, fx.now(),
        decided.status, _summary(submission),
    )  # fmt: skip
    return await fx.store.conclude(conclusion)


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
