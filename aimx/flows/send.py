"""Send one message: who asks may send as its author, a worker composes, we sign, deliver, record and answer."""

from datetime import datetime

import msgspec
import trio

from aimx import limits, log
from aimx.effects.api import Effects, Sending, WorkerLost
from aimx.errors import AimxError, Failed, NoSender
from aimx.flows import deliver, record
from aimx.flows.answer import Answer, refusal
from aimx.mime import clean, outbound
from aimx.model.config import Config, HookEvent
from aimx.model.outbound import Composed, ComposeOrder, Parcel, RecipientOutcome, Submission
from aimx.policy import route, verdict
from aimx.policy.authorize import Action, Authorized, SendAs
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
    caller = authorized.caller
    within = _sending(fx).in_hook(frame.hook_job, caller) if frame.hook_job is not None else None
    composed = await _compose(fx, config, frame, submission, within)
    outbound.check(submission, composed.head)
    if frame.dry_run:
        return Answer(Response("json", body=composed.head + b"\r\n" + composed.body))
    signature = _sending(fx).signer.sign(composed.head, composed.body_hash, fx.now())
    parcel = Parcel(str(submission.author), signature + composed.head + b"\r\n" + composed.body)
    letter = Letter(mailbox, submission, composed, len(parcel.octets))
    placed = await record.begin(fx, letter)
    outcomes = await _deliver(fx, config, parcel, submission)
    decided = verdict.decide(outcomes, fx.now())
    held = await record.end(fx, letter, placed, decided, within)
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


async def _deliver(fx: Effects, config: Config, parcel: Parcel, submission: Submission) -> tuple[RecipientOutcome, ...]:
    """What became of each recipient, in words that may be shown. Our own failure says nothing of what was sent."""
    try:
        outcomes = await deliver.deliver(fx, config, parcel, submission.recipients)
    except (AimxError, OSError) as error:
        log.error("delivery-failed", message_id=submission.message_id, why=getattr(error, "detail", "") or str(error))
        outcomes = tuple(RecipientOutcome(str(rcpt), "unknown", "internal error") for rcpt in submission.recipients)
    most = limits.REPLY_CHARACTERS
    return tuple(msgspec.structs.replace(outcome, reply=clean.one_line(outcome.reply[:most])) for outcome in outcomes)


async def _compose(
    fx: Effects, config: Config, frame: Send, submission: Submission, within: HookEvent | None
) -> Composed:
    """One worker's work; another worker tries when it is lost."""
    order = ComposeOrder(
        frame.message,
        frame.html,
        frame.text_only,
        config.signature,
        submission.message_id,
        datetime.fromisoformat(submission.date).timestamp(),
        within is not None,
    )
    attempts = victims = 0
    while attempts < limits.COMPOSE_ATTEMPTS and victims < limits.COMPOSE_VICTIMS:
        try:
            return await fx.workers.compose(order)
        except WorkerLost as error:
            attempts, victims = (attempts, victims + 1) if error.victim else (attempts + 1, victims)
            log.warning("compose-lost", attempt=attempts, victim=error.victim, why=str(error))
    raise Failed("the message could not be composed")
