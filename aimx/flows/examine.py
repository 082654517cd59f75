"""Examine one message: parse and authenticate in a worker, with answers of the resolver in between."""

import trio

from aimx import limits, log
from aimx.effects.api import Effects, WorkerLost
from aimx.effects.payload import Payload
from aimx.mime.unexamined import unexamined
from aimx.model.envelope import Envelope
from aimx.model.message import Examined


async def examine(fx: Effects, envelope: Envelope, payload: Payload) -> Examined:
    """The examined message; after two lost workers the raw text, marked as unexamined. Never refuses mail.

    Cancellation: the worker's state of the job is dropped.
    """
    for attempt in range(1, limits.EXAMINE_ATTEMPTS + 1):
        try:
            with trio.fail_after(limits.EXAMINE_TOTAL_S):
                return await _attempt(fx, envelope, payload)
        except (WorkerLost, trio.TooSlowError) as error:
            log.warning("examine-lost", attempt=attempt, size=payload.size, why=str(error) or "deadline")
    return unexamined(payload.read(), envelope.received_at)


async def _attempt(fx: Effects, envelope: Envelope, payload: Payload) -> Examined:
    session = fx.workers.session()
    try:
        result = await session.examine(envelope, payload)
        while not isinstance(result, Examined):
            result = await session.resume(await fx.resolver.answers(result.questions))
        return result
    except BaseException:
        with trio.CancelScope(shield=True):
            await session.drop()
        raise
