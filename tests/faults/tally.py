"""What a fault run adds up to: faults by kind, messages promised and found again, and how long recovery took.

Every process of a run has one; `conftest.py` adds them up, prints the sum at the end and judges it. Mail is accounted
for in one place and by markers. A message is promised by the reply that took it over (250, or a SEND's OK), found by
its marker on disk or at the server that it was sent to, refused by a clear answer, and in doubt when the connection
broke or the answer was that nobody knows. Nothing promised may be lost, and nothing found twice.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

PROMISED, REFUSED, DOUBTFUL = "promised", "refused", "doubtful"
NAMES = (PROMISED, "found", "duplicated", "lost", REFUSED, DOUBTFUL)
ENOUGH = 2000  # faults of a whole run in the long form


class Tally:
    """Sums of one process."""

    def __init__(self) -> None:
        self.faults: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.mail: Counter[str] = Counter()
        self.recoveries_s: list[float] = []

    def fault(self, kind: str, number: int = 1) -> None:
        """One was injected, and took effect. `kind`: `kill -9`, `write ENOSPC`, `a mail server that lies` …"""
        self.faults[kind] += number

    def note(self, kind: str, number: int) -> None:
        """What a fault consisted of: packets, calls. No fault of its own."""
        self.notes[kind] += number

    def account(self, told: Mapping[Any, str], found: Mapping[Any, int]) -> None:
        """Hold what was told of each message against how many copies of it there are. One lost or doubled raises.

        `told`: marker, with the mailbox if it has several → PROMISED, REFUSED or DOUBTFUL. `found`: marker → copies;
        what is in no `told` is another account's.
        """
        promised = [one for one, how in told.items() if how == PROMISED]
        lost = [one for one in promised if not found.get(one)]
        doubled = [one for one in told if found.get(one, 0) > 1]
        self.mail.update({"found": len(promised) - len(lost), "duplicated": len(doubled), "lost": len(lost)})
        self.mail.update(told.values())
        assert not lost, _few("lost", lost)
        assert not doubled, _few("doubled", doubled)

    def recovered(self, seconds: float) -> None:
        """From the end of a fault until the service was there again."""
        self.recoveries_s.append(seconds)

    def told(self) -> dict[str, Any]:
        """For another process."""
        return {"faults": dict(self.faults), "notes": dict(self.notes), "mail": dict(self.mail),
                "recoveries_s": self.recoveries_s}  # fmt: skip

    def add(self, told: dict[str, Any]) -> None:
        """What another process told."""
        self.faults.update(told["faults"])
        self.notes.update(told["notes"])
        self.mail.update(told["mail"])
        self.recoveries_s += told["recoveries_s"]

    def untrue(self) -> list[str]:
        """What happened to mail and never may."""
        return [f"{self.mail[name]} messages {name}" for name in ("lost", "duplicated") if self.mail[name]]

    def few(self) -> list[str]:
        """What a whole run in the long form has not reached."""
        number = self.faults.total()
        return [f"{number} faults are fewer than {ENOUGH}"] if number < ENOUGH else []

    def lines(self) -> list[str]:
        """The sum, for people."""
        kinds = [f"  {number:>6}  {kind}" for kind, number in self.faults.most_common()]
        lines = [f"{self.faults.total()} faults injected", *kinds]
        lines += [f"in them: {number} {kind}" for kind, number in self.notes.most_common()]
        lines.append("messages: " + ", ".join(f"{self.mail[name]} {name}" for name in NAMES))
        if self.recoveries_s:
            times = sorted(self.recoveries_s)
            lines.append(
                f"recovery: {len(times)} times, median {times[len(times) // 2]:.2f} s, slowest {times[-1]:.2f} s"
            )
        return lines


def _few(what: str, markers: list[Hashable]) -> str:
    return f"{len(markers)} {what}: {markers[:5]}"


TALLY = Tally()
