"""Who looks at every file of a mailbox: whoever asks waits for that, or it is done in the background."""

import threading
from collections.abc import Callable

from aimx import limits
from aimx.store.browse import Place


class SweepDue:
    """Hands sweeps to the background. Thread-safe. `unswept` tells it of one, and says whether anybody is there."""

    def __init__(self, monotonic: Callable[[], float], unswept: Callable[[], bool]) -> None:
        self._monotonic = monotonic
        self._unswept = unswept
        self._guard = threading.Lock()
        self._due: set[Place] = set()
        self._since, self._waited_for = float("-inf"), 0

    def take(self) -> frozenset[Place]:
        """Those for the background; each is told once."""
        with self._guard:
            due, self._due = frozenset(self._due), set()
        return due

    def waits(self, place: Place, total: int) -> bool:
        """Whether who asks waits while so many files are looked at: for SWEEP_FEW of them a second, in all."""
        now = self._monotonic()
        with self._guard:
            if now - self._since >= limits.RECONCILE_S:
                self._since, self._waited_for = now, 0
            if self._waited_for + total <= limits.SWEEP_FEW:
                self._waited_for += total
                return True
            self._due.add(place)
        if self._unswept():
            return False
        with self._guard:
            self._due.discard(place)
        return True
