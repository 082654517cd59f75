"""What doctor tells, as rows of a table. Pure, and light: what it takes to find out is loaded elsewhere."""

from typing import Literal, NamedTuple

Severity = Literal["fail", "warn", "info", "skip", "ok"]
SIGNS: dict[Severity, tuple[str, str]] = {
    "fail": ("✗", "fail"),
    "warn": ("⚠", "warn"),
    "info": ("•", "info"),
    "skip": ("–", "not checked"),
    "ok": ("✓", "ok"),
}


class Line(NamedTuple):
    """One row. `fix`: what to type or to publish, a line each."""

    id: str
    severity: Severity
    text: str
    fix: tuple[str, ...] = ()


def summary(found: tuple[Line, ...]) -> str:
    """How many of each, the worst first."""
    counts = ((word, sum(line.severity == severity for line in found)) for severity, (_, word) in SIGNS.items())
    return ", ".join(f"{count} {word}" for word, count in counts if count)
