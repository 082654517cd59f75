"""What a fault run adds up to: faults by kind, messages promised and found again, and how long recovery took.

Every process of a run has one; `conftest.py` adds them up and prints the sum at the end. A test counts what it has
looked at: a message is promised by the reply that took it over (250, or a SEND's OK), found by its marker on disk or at
the server that it was sent to, refused by a clear answer. Nothing may be lost, and nothing found twice.
"""

from collections import Counter
from typing import Any

NAMES = ("promised", "found", "duplicated", "lost", "refused")


class Tally:
    """Sums of one process."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.mail: Counter[str] = Counter()
        self.recoveries_s: list[float] = []

    def fault(self, kind: str, number: int = 1) -> None:
        """One was injected, and took effect. `kind`: `kill -9`, `write ENOSPC`, `DNS lies` …"""
        self.faults[kind] += number

    def count(self, *, promised: int = 0, found: int = 0, duplicated: int = 0, lost: int = 0, refused: int = 0) -> None:
        """Messages that a test has accounted for."""
        self.mail.update(
            {"promised": promised, "found": found, "duplicated": duplicated, "lost": lost, "refused": refused}
        )

    def recovered(self, seconds: float) -> None:
        """From the end of a fault until the service was there again."""
        self.recoveries_s.append(seconds)

    def told(self) -> dict[str, Any]:
        """For another process."""
        return {"faults": dict(self.faults), "mail": dict(self.mail), "recoveries_s": self.recoveries_s}

    def add(self, told: dict[str, Any]) -> None:
        """What another process told."""
        self.faults.update(told["faults"])
        self.mail.update(told["mail"])
        self.recoveries_s += told["recoveries_s"]

    def lines(self) -> list[str]:
        """The sum, for people."""
        kinds = [f"  {number:>6}  {kind}" for kind, number in sorted(self.faults.items(), key=lambda one: -one[1])]
        lines = [f"{self.faults.total()} faults injected", *kinds]
        lines.append("messages: " + ", ".join(f"{self.mail[name]} {name}" for name in NAMES))
        if self.recoveries_s:
            times = sorted(self.recoveries_s)
            lines.append(
                f"recovery: {len(times)} times, median {times[len(times) // 2]:.2f} s, slowest {times[-1]:.2f} s"
            )
        return lines


TALLY = Tally()
