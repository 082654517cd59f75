"""Which change of a mailbox directory was our own, so that our own mail never makes us compare all of it.

A directory is known to be as the index says while its time is that of the last comparison, or follows from it by
changes of ours without a gap. Mail that is just being stored is no gap: nobody was promised it. Kept in memory only.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aimx import limits
from aimx.store.browse import Place, Stamp

_NEVER = -(2**63)  # nanoseconds; no directory has this time


class Turn:
    """A mailbox directory on both sides of one change of ours; `after` only once it was made."""

    before: os.stat_result
    after: os.stat_result

    @property
    def times(self) -> tuple[int, int]:
        """Its times in nanoseconds."""
        return self.before.st_mtime_ns, self.after.st_mtime_ns


class Stamps:
    """What each directory looked like when it was last known. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._turns: dict[Place, threading.Lock] = {}
        self._known: dict[Place, Stamp] = {}
        self._steps: dict[Place, dict[int, int]] = {}
        self._coming: dict[Place, dict[int, tuple[int, float]]] = {}

    @contextmanager
    def turn(self, place: Place, directory: int) -> Iterator[Turn]:
        """Held while we change what a directory lists: two changes that overlap would leave a gap. Raises: OSError."""
        with self._lock:
            lock = self._turns.setdefault(place, threading.Lock())
        turn = Turn()
        with lock:
            turn.before = os.fstat(directory)
            yield turn
            turn.after = os.fstat(directory)

    def known(self, place: Place) -> Stamp | None:
        """None: it has not been compared by this process."""
        with self._lock:
            return self._known.get(place)

    def compared(self, place: Place, stamp: Stamp) -> None:
        """The index says what the directory held at that time."""
        with self._lock:
            self._known[place] = stamp
            self._follow(place)

    def forget(self) -> None:
        """There is no index any more that says anything."""
        with self._lock:
            self._known.clear()
            self._steps.clear()
            self._coming.clear()

    def drop(self, place: Place) -> None:
        """It is another directory now, of which the index says nothing."""
        with self._lock:
            for kept in (self._known, self._steps, self._coming):
                kept.pop(place, None)

    def doubt(self, place: Place) -> None:
        """Something came there that the index does not know of: it is compared before it is told of again."""
        with self._lock:
            known = self._known.get(place)
            if known is not None:
                self._known[place] = known._replace(mtime_ns=_NEVER)

    def coming(self, place: Place, before_ns: int, after_ns: int) -> None:
        """A mail of ours came there that is not stored yet: `changed` follows, or it is taken back, soon."""
        with self._lock:
            coming = self._coming.setdefault(place, {})
            if len(coming) >= limits.STAMPS_STEPS:
                coming.clear()
            coming[before_ns] = (after_ns, self._monotonic() + limits.STAMPS_COMING_S)

    def explain(self, place: Place, stamp: Stamp) -> bool:
        """Whether a directory is as it was known, but for mail that is just being stored."""
        with self._lock:
            known = self._known.get(place)
            if known is None or not known.same_place(stamp):
                return False
            steps, coming = self._steps.get(place, {}), self._coming.get(place, {})
            now, at_ns = self._monotonic(), known.mtime_ns
            for _ in range(2 * limits.STAMPS_STEPS):
                if at_ns == stamp.mtime_ns:
                    return True
                after_ns, until = coming.get(at_ns, (0, now))
                if at_ns not in steps and until <= now:
                    return False
                at_ns = steps.get(at_ns, after_ns)
            return False

    def changed(self, place: Place, before_ns: int, after_ns: int) -> None:
        """A change of ours that the index knows of, or that a look at the row's file shows: times before and after."""
        if before_ns == after_ns:
            return
        with self._lock:
            self._coming.get(place, {}).pop(before_ns, None)
            steps = self._steps.setdefault(place, {})
            if len(steps) >= limits.STAMPS_STEPS:
                steps.clear()
            steps[before_ns] = after_ns
            self._follow(place)

    def _follow(self, place: Place) -> None:
        known, steps = self._known.get(place), self._steps.get(place)
        while known is not None and steps and known.mtime_ns in steps:
            known = self._known[place] = known._replace(mtime_ns=steps.pop(known.mtime_ns))
