"""Examine one message: parse and authenticate in a worker, with answers of the resolver in between."""

import trio

from aimx import limits, log
from aimx.effects.api import Effects, Session, WorkerLost
from aimx.effects.payload import Payload
from aimx.mime.unexamined import unexamined
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope
from aimx.model.message import Examined


async def examine(fx: Effects, envelope: Envelope, payload: Payload) -> Examined:
    """The examined message; after two lost workers the raw text, marked as unexamined. Never refuses mail.

    Cancellation: the worker's state of the job is dropped.
    """
    attempts = victims = 0
    with trio.move_on_after(limits.EXAMINE_WAIT_S) as patience:
        while attempts < limits.EXAMINE_ATTEMPTS and victims < limits.EXAMINE_VICTIMS:
            try:
                return await _attempt(fx, envelope, payload)
            except WorkerLost as error:
                attempts, victims = (attempts, victims + 1) if error.victim else (attempts + 1, victims)
                log.warning("examine-lost", attempt=attempts, victim=error.victim, size=payload.size, why=str(error))
    why = "no worker in time" if patience.cancelled_caught else "lost"
    log.error("stored-unexamined", peer=envelope.peer_ip, size=payload.size, why=why)
    return unexamined(payload.read(), envelope.received_at, envelope.bounce)


async def _attempt(fx: Effects, envelope: Envelope, payload: Payload) -> Examined:
    session = fx.workers.session()
    try:
        return await _rounds(fx, session, envelope, payload)
    except BaseException:
        session.drop()
        raise


async def _rounds(fx: Effects, session: Session, envelope: Envelope, payload: Payload) -> Examined:
    """Ask and resume until the worker is done; it is not trusted to ever be."""
    result = await session.examine(envelope, payload)
    left_s = limits.EXAMINE_DNS_S
    for _ in range(limits.DNS_ROUNDS + 1):
        if isinstance(result, Examined):
            return result
        before = trio.current_time()
        answers = await _answers(fx, result.questions[: limits.DNS_QUESTIONS], left_s)
        left_s -= trio.current_time() - before
        result = await session.resume(answers)
    if isinstance(result, Examined):
        return result
    raise WorkerLost("questions without end")


async def _answers(fx: Effects, questions: tuple[Question, ...], left_s: float) -> tuple[Answer, ...]:
    with trio.move_on_after(max(0.0, left_s)):
        return await fx.resolver.answers(questions)
    return tuple(Answer(question, "temperror") for question in questions)
