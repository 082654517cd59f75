"""Have a worker compose a message, within the memory that messages on their way may take."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import trio

from aimx import limits, log
from aimx.effects.api import Effects, WorkerLost
from aimx.effects.memory import Held
from aimx.errors import Failed
from aimx.model.caller import Caller
from aimx.model.config import Config
from aimx.model.outbound import Composed, ComposeOrder, Submission
from aimx.wire.frames import Send

_Result = TypeVar("_Result")
_threads = trio.CapacityLimiter(limits.HEAD_THREADS)


async def aside(long: bool, function: Callable[..., _Result], *arguments: object) -> _Result:
    """The result of a computation, which takes a thread when it may be long, so that nobody else waits for it."""
    if not long:
        return function(*arguments)
    return await trio.to_thread.run_sync(function, *arguments, limiter=_threads)


async def room(fx: Effects, frame: Send, caller: Caller) -> Held:
    """Wait until the front may hold what this message becomes. Raises: ResourcesExhausted."""
    if fx.sending is None:
        raise Failed("this process sends no mail")
    return await fx.sending.memory.hold(caller.uid, cost(frame))


def cost(frame: Send) -> int:
    """At most what the front holds at once: the order, the answer as frame and as parts, the wire message."""
    submitted = len(frame.message) + len(frame.html or b"")
    wire = limits.COMPOSE_TEXT_GROWTH * submitted
    if frame.html is None and not frame.text_only:
        wire += min(limits.COMPOSE_GROWTH * submitted, limits.RENDER_OUTPUT_OCTETS)
    wire = min(wire, limits.OUTBOUND_OCTETS)
    parts = min(wire, limits.COMPOSE_TEXT_GROWTH * submitted)  # text and files, which are on the wire too
    return submitted + 2 * (wire + parts) + wire


async def compose(fx: Effects, config: Config, frame: Send, submission: Submission, automatic: bool) -> Composed:
    """One worker's work; another worker tries when it is lost. Raises: Refused, Failed."""
    order = ComposeOrder(
        frame.message,
        frame.html,
        frame.text_only,
        config.signature,
        submission.message_id,
        datetime.fromisoformat(submission.date).timestamp(),  # the record and the message tell one date
        automatic,
    )
    attempts = victims = 0
    while attempts < limits.COMPOSE_ATTEMPTS and victims < limits.COMPOSE_VICTIMS:
        try:
            return await fx.workers.compose(order)
        except WorkerLost as error:
            attempts, victims = (attempts, victims + 1) if error.victim else (attempts + 1, victims)
            log.warning("compose-lost", attempt=attempts, victim=error.victim, why=str(error))
    raise Failed("the message could not be composed")
