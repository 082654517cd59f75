"""Send one message: who asks may send as its author, a worker composes, we sign, deliver, record and answer."""

import msgspec

from aimx import limits, log
from aimx.effects.api import Effects, Sending
from aimx.effects.memory import Held
from aimx.errors import Failed, NoSender
from aimx.flows import composing, deliver, once, record, target
from aimx.flows.answer import Answer, refusal
from aimx.mime import clean, outbound
from aimx.model.config import Config
from aimx.model.outbound import Claim, Parcel, RecipientOutcome, Submission
from aimx.policy import route, verdict
from aimx.policy.authorize import Action, Authorized, SendAs
from aimx.store.sent import Letter
from aimx.wire.frames import Response, Send


async def action(fx: Effects, config: Config, frame: Send) -> Action:
    """What the caller wants to do: send as the author of this message. Raises: MalformedMessage, ForeignSender."""
    sending = _sending(fx)
    key, digest = frame.idempotency_key, None
    made = f"{sending.token()}@{config.domain}"
    if key is not None:
        digest = await composing.aside(True, once.digest, frame)
        made = once.message_id(key, digest, config.domain)
    submission = await composing.aside(outbound.is_long(frame.message), outbound.read, frame.message, made, fx.now())
    mailbox = route.sender(config, submission.author)
    owner = mailbox.owner if mailbox is not None else target.NOBODY  # the same look-up for what is missing
    account = await composing.aside(True, fx.accounts.identity, owner)  # may ask a directory service
    if mailbox is None:
        return SendAs(None, None, submission, digest)
    return SendAs(account.uid if account is not None else None, mailbox, submission, digest)


async def send(fx: Effects, config: Config, frame: Send, authorized: Authorized) -> Answer:
    """Deliver one message to every recipient; the answer follows delivery, hooks follow the answer (O5).

    Under a key that this message was sent under already, the answer is the first one and nothing else happens.
    Commits: a record of the send, pending before the first network octet, then with its outcome (S6).
    Cancellation: the record stays pending.
    Raises: NoSender, Refused, KeyConflict, DeliveryUnknown, SignFailed, StorageFailed, ResourcesExhausted, Failed; with
    nothing sent and nothing kept.
    """
    assert isinstance(authorized.action, SendAs)
    mailbox, submission = authorized.action.mailbox, authorized.action.submission
    if mailbox is None:
        raise NoSender(
            f"no mailbox matches From: {submission.author} (run `aimx mailboxes create"
            f" {submission.author.local_part}` to register one; catchall is inbound-only)"
        )
    digest, key = authorized.action.digest, frame.idempotency_key
    if key is None or digest is None or frame.dry_run:
        return await _first(fx, config, frame, authorized, None)
    claim = Claim(authorized.caller.uid, key, digest)
    return await once.once(fx, claim, lambda: _first(fx, config, frame, authorized, claim))


async def _first(fx: Effects, config: Config, frame: Send, authorized: Authorized, claim: Claim | None) -> Answer:
    """Send it, for the first time under its key."""
    held = await composing.room(fx, frame, authorized.caller)
    jobs: tuple[int, ...] = ()

    async def afterwards() -> None:
        held.release()
        await fx.store.release(jobs)

    try:
        response, jobs = await _send(fx, config, frame, authorized, held, claim)
    except BaseException:
        held.release()
        raise
    return Answer(response, afterwards)


async def _send(
    fx: Effects, config: Config, frame: Send, authorized: Authorized, held: Held, claim: Claim | None
) -> tuple[Response, tuple[int, ...]]:
    """The answer, and the hook runs that wait for it."""
    assert isinstance(authorized.action, SendAs)
    mailbox, submission, caller = authorized.action.mailbox, authorized.action.submission, authorized.caller
    assert mailbox is not None
    within = _sending(fx).in_hook(frame.hook_job, caller) if frame.hook_job is not None else None
    composed = await composing.compose(fx, config, frame, submission, within is not None)
    await composing.aside(outbound.is_long(composed.head), outbound.check, submission, composed.head)
    if frame.dry_run:
        return Response("json", body=composed.head + b"\r\n" + composed.body), ()
    signature = _sending(fx).signer.sign(composed.head, composed.body_hash, fx.now())
    octets = signature + composed.head + b"\r\n" + composed.body
    parcel = Parcel(str(submission.author), octets, uid=authorized.action.owner_uid)
    letter = Letter(mailbox, submission, msgspec.structs.replace(composed, body=b""), len(parcel.octets), claim)
    del composed, octets
    held.keep(2 * len(parcel.octets))
    placed = await record.begin(fx, letter, within)
    outcomes = await _deliver(fx, config, parcel, submission)
    decided = verdict.decide(outcomes, fx.now())
    jobs = await record.end(fx, letter, placed, decided, within)
    log.info(
        "sent", mailbox=mailbox.name, id=placed.id, status=decided.status, recipients=len(outcomes),
        message_id=submission.message_id,
    )  # fmt: skip
    if decided.problem is not None:
        return refusal(decided.problem), jobs
    return Response("ok", note=f"<{submission.message_id}>"), jobs


def _sending(fx: Effects) -> Sending:
    if fx.sending is None:
        raise Failed("this process sends no mail")
    return fx.sending


async def _deliver(fx: Effects, config: Config, parcel: Parcel, submission: Submission) -> tuple[RecipientOutcome, ...]:
    """What became of each recipient, in words that may be shown. Never raises: the message may have left."""
    try:
        outcomes = await deliver.deliver(fx, config, parcel, submission.recipients)
    except Failed as error:
        outcomes = tuple(RecipientOutcome(str(rcpt), "failed", error.reason) for rcpt in submission.recipients)
    except Exception as error:  # noqa: BLE001  nobody is told to send again what he may have
        log.error("delivery-broke", message_id=submission.message_id, why=f"{type(error).__name__}: {error}")
        outcomes = tuple(RecipientOutcome(str(rcpt), "unknown", "internal error") for rcpt in submission.recipients)
    most = limits.REPLY_CHARACTERS
    return tuple(msgspec.structs.replace(outcome, reply=clean.one_line(outcome.reply[:most])) for outcome in outcomes)
