"""What becomes of a send, given what became of each recipient (S6): one table for record, answer, exit code and hooks.

Must never let an answer invite somebody to send again what a recipient has, or may have.
"""

from typing import NamedTuple

from aimx import limits
from aimx.errors import AimxError, DeliveryDeferred, DeliveryFailed, DeliveryPartial, DeliveryUnknown
from aimx.model.outbound import RecipientOutcome, Record, Result, SendStatus

UNKNOWN = "outcome unknown: may have been delivered"
PARTIAL = "not delivered to everybody, do not send it again to those who have it"
MORE = " … (all of it: delivery_details of the sent record)"


class Verdict(NamedTuple):
    """`record` None: nothing is kept (all deferred). `problem` None: the caller gets the Message-ID.

    `status` is what hooks see as AIMX_SEND_STATUS: always that of the record, `deferred` where none is kept. The exit
    code of `aimx send` is the one of the problem's class.
    """

    record: Record | None
    status: SendStatus
    problem: AimxError | None


class _Row(NamedTuple):
    """`kept`: whether a record is. `problem`: what the caller gets instead of OK. `lead`: what that begins with."""

    status: SendStatus
    kept: bool
    problem: type[AimxError] | None
    lead: str = ""


_ALIKE: dict[Result, _Row] = {  # one recipient, or all the same
    "delivered": _Row("delivered", True, None),
    "failed": _Row("failed", True, DeliveryFailed),
    "deferred": _Row("deferred", False, DeliveryDeferred),
    "unknown": _Row("pending", True, DeliveryUnknown, UNKNOWN),
}
_MIXED: dict[tuple[Result, bool], _Row] = {  # (the first of _WORST that occurs, whether anybody has it)
    ("unknown", True): _Row("pending", True, DeliveryUnknown, UNKNOWN),
    ("unknown", False): _Row("pending", True, DeliveryUnknown, UNKNOWN),
    ("failed", True): _Row("failed", True, DeliveryPartial, PARTIAL),
    ("failed", False): _Row("failed", True, DeliveryFailed),
    ("deferred", True): _Row("delivered", True, DeliveryPartial, PARTIAL),  # permanent is only the delivery
}
_WORST: tuple[Result, ...] = ("unknown", "failed", "deferred")


def decide(outcomes: tuple[RecipientOutcome, ...], now: float) -> Verdict:
    """The verdict on at least one outcome."""
    row = _row({outcome.result for outcome in outcomes})
    delivered_at = now if row.status == "delivered" else None
    record = Record(row.status, delivered_at, _details(outcomes, row)) if row.kept else None
    problem = row.problem(_told(outcomes, row)) if row.problem is not None else None
    return Verdict(record, row.status, problem)


def _row(results: set[Result]) -> _Row:
    if len(results) == 1:
        return _ALIKE[next(iter(results))]
    worst = next(result for result in _WORST if result in results)
    return _MIXED[worst, "delivered" in results]


def _details(outcomes: tuple[RecipientOutcome, ...], row: _Row) -> str:
    """For the record: the remote's words, with the recipients where there are several."""
    if row.problem is None:
        return ""
    said = outcomes[0].reply if len(outcomes) == 1 else "; ".join(map(_line, outcomes))
    return "; ".join(filter(None, (UNKNOWN if row.lead == UNKNOWN else "", said)))


def _told(outcomes: tuple[RecipientOutcome, ...], row: _Row) -> str:
    """For the caller: the same, bounded; what servers said on taking the message is left out."""
    if len(outcomes) == 1:
        return row.lead or outcomes[0].reply
    lines = [f"{outcome.rcpt}: delivered" if outcome.result == "delivered" else _line(outcome) for outcome in outcomes]
    text = f"{row.lead}; {'; '.join(lines)}" if row.lead else "; ".join(lines)
    octets = text.encode("utf-8", "replace")
    if len(octets) <= limits.REASON_OCTETS:
        return text
    return octets[: limits.REASON_OCTETS].decode("utf-8", "ignore") + (MORE if row.kept else " …")


def _line(outcome: RecipientOutcome) -> str:
    return ": ".join(filter(None, (outcome.rcpt, outcome.result, outcome.reply)))
