"""The lines of the DNS table: the records to publish, in their order, and what the last look said about each. Pure."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from aimx.provision.records import Name, Record, State, Verdict
from aimx.provision.setup.api import Seen, Zone

Look = State | Literal["open"]
# Worst first: two verdicts may be about one record.
_ORDER: tuple[State, ...] = ("wrong", "unknown", "warn", "ok")
SIGNS: dict[Look, tuple[str, str, str]] = {
    "ok": ("✓", "ok", "good"),
    "warn": ("⚠", "warning", "warning"),
    "wrong": ("✗", "wrong", "bad"),
    "unknown": ("?", "unknown", "warning"),
    "open": ("·", "not yet", "dim"),
}
_SPF = ("SPF", "SPF (IPv6)")


class Row(NamedTuple):
    """One line. `record` None: nothing that the operator publishes (PTR)."""

    check: str
    state: Look
    why: str
    record: Record | None


def rows(zone: Zone, seen: Seen | None) -> tuple[Row, ...]:
    """A line per record, then those of verdicts that belong to none."""
    left = list(seen.verdicts) if seen else []
    found = []
    for record in zone.records:
        check = kind(record)
        mine = [verdict for verdict in left if _about(verdict.check) == check]
        left = [verdict for verdict in left if verdict not in mine]
        found.append(_row(check, record, mine))
    return (*found, *(Row(verdict.check, verdict.state, verdict.why, None) for verdict in left))


def kind(record: Record) -> Name:
    """Which of the checks is about this record."""
    if record.rtype != "TXT":
        return "AAAA" if record.rtype == "AAAA" else "MX" if record.rtype == "MX" else "A"
    tag = record.value.lower()
    return "SPF" if tag.startswith("v=spf1") else "DMARC" if tag.startswith("v=dmarc1") else "DKIM"


def counted(found: Iterable[Row]) -> str:
    """How many of the records are right, in words."""
    records = [row for row in found if row.record is not None]
    right = sum(row.state in ("ok", "warn") for row in records)
    return f"{right} of {len(records)} are right"


def _about(check: Name) -> Name:
    return "SPF" if check in _SPF else check


def _row(check: Name, record: Record, verdicts: list[Verdict]) -> Row:
    if not verdicts:
        return Row(check, "open", "", record)
    worst = min(verdicts, key=lambda verdict: _ORDER.index(verdict.state))
    return Row(check, worst.state, worst.why, worst.record or record)
