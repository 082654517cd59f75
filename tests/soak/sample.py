"""What a daemon holds at one moment, and whether that stays as it was. Reads /proc only."""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from aimx import limits
from tests.bench import gauge


class Sample(NamedTuple):
    """Of all processes of one role together: kilobytes (PSS), descriptors, threads."""

    pss: dict[str, int]
    descriptors: dict[str, int]
    threads: dict[str, int]


class Drift(NamedTuple):
    """One figure at the two ends of a soak, and the most that the second may be."""

    name: str
    before: float
    after: float
    most: float

    @property
    def flat(self) -> bool:
        """Whether it stayed."""
        return self.after <= self.most


class Bounds(NamedTuple):
    """What a role may hold more at the end: a share and kilobytes of its memory, so many descriptors and threads."""

    share: float
    kilobytes: int
    count: int


POOLED = 2 * (limits.INDEX_READERS + 1)  # the database and its log, of every reader and of the writer
_LOOK_S = 0.2
# Between the middles of the two quarters, half of the time; what a role holds at least, since it breathes. In a run of
# a minute caches are still filling, and a quarter is two samples.
HOUR, MINUTE = Bounds(1.05, 2048, 1), Bounds(1.10, 6144, 4)


def take(processes: dict[int, str]) -> Sample:
    """Now. A process that has ended is no part of it."""
    pss: dict[str, int] = {}
    descriptors: dict[str, int] = {}
    threads: dict[str, int] = {}
    for pid, role in processes.items():
        try:
            found = gauge.memory(pid).pss, _descriptors(pid), sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
        except FileNotFoundError:
            continue
        for into, value in zip((pss, descriptors, threads), found, strict=True):
            into[role] = into.get(role, 0) + value
    return Sample(pss, descriptors, threads)


def settled(processes: dict[int, str], seconds: float) -> Sample:
    """The least of what they hold during so many seconds: clients that have just gone are forgotten meanwhile."""
    least = take(processes)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        least = _least(least, take(processes))
    return least


def _least(one: Sample, other: Sample) -> Sample:
    return Sample(
        *({role: min(mine.get(role, held), held) for role, held in its.items()}
          for mine, its in zip(one, other, strict=True))
    )  # fmt: skip


def _descriptors(pid: int) -> int:
    """Those that are open; of its connections to the index, of which as many stay as were ever needed at once, only
    those beyond their own bound.
    """
    opened = pooled = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        opened += 1
        with contextlib.suppress(OSError):
            pooled += "/.aimx/index.db" in os.readlink(entry)
    return opened - min(pooled, POOLED)


def drift(
    name: str, figures: Sequence[float], share: float, more: float, of: Callable[[Sequence[float]], float]
) -> Drift:
    """The second quarter of the figures against the last one, by `of`; the first is for caches to fill."""
    quarter = max(1, len(figures) // 4)
    before, after = (of(part) for part in (figures[quarter : 2 * quarter] or figures[:1], figures[-quarter:]))
    return Drift(name, before, after, before * share + more)


def drifts(samples: Sequence[Sample], bounds: Bounds = HOUR) -> list[Drift]:
    """Of every role that there ever was; one that is gone grew to nothing, which `gone` tells."""
    return [
        drift(f"{role} {what}", [getattr(one, what).get(role, 0) for one in samples], share, more, min)
        for role in dict.fromkeys(role for one in samples for role in one.pss)
        for what, share, more in (
            ("pss", bounds.share, bounds.kilobytes), ("descriptors", 1.0, bounds.count), ("threads", 1.0, bounds.count),
        )
    ]  # fmt: skip


def gone(samples: Sequence[Sample]) -> list[str]:
    """Roles that there were, and are not at the end."""
    return sorted({role for one in samples for role in one.pss} - set(samples[-1].pss))
