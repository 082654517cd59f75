"""What becomes of a send, given what became of each recipient (S6): one table for record, answer and hooks."""

from typing import NamedTuple

from aimx.errors import AimxError, DeliveryDeferred, DeliveryFailed, DeliveryUnknown
from aimx.model.outbound import RecipientOutcome, Record, SendStatus

_UNKNOWN = "outcome unknown: may have been delivered"


class Verdict(NamedTuple):
    """`record` None: nothing is kept (all deferred). `problem` None: the caller gets the Message-ID.

    `status` is also what hooks see as AIMX_SEND_STATUS.
    """

    record: Record | None
    status: SendStatus
    problem: AimxError | None


def decide(outcomes: tuple[RecipientOutcome, ...], now: float) -> Verdict:
    """The worst permanent outcome decides; what is unknown stays pending; only what is all deferred is not kept."""
    results = {outcome.result for outcome in outcomes}
    details = _details(outcomes)
    if "unknown" in results:
        told = f"{_UNKNOWN}; {details}" if len(outcomes) > 1 else _UNKNOWN
        return Verdict(Record("pending", None, f"{_UNKNOWN}; {details}"), "pending", DeliveryUnknown(told))
    if results == {"deferred"}:
        return Verdict(None, "deferred", DeliveryDeferred(details))
    if "failed" in results:
        return Verdict(Record("failed", None, details), "failed", DeliveryFailed(details))
    if "deferred" in results:
        return Verdict(Record("delivered", now, details), "delivered", DeliveryDeferred(details))
    return Verdict(Record("delivered", now), "delivered", None)


def _details(outcomes: tuple[RecipientOutcome, ...]) -> str:
    """The remote's words; with the recipients where there are several."""
    if len(outcomes) == 1:
        return outcomes[0].reply
    return "; ".join(f"{outcome.rcpt}: {outcome.result}: {outcome.reply}" for outcome in outcomes)
