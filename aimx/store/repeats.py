"""Repeats in memory (R5): copies whose 250 a peer may not have seen, mirrored from state.db.

A repeat is taken when a commit begins and put back when it fails, so that only an acknowledged duplicate uses it up.
Never writes state.db itself: the commit does, in the transaction that it needs anyway.
"""

import threading

from aimx import limits

Row = tuple[bytes, str, float]


class Repeats:
    """(key, mailbox) → when it was stored. Thread-safe; bounded; oldest forgotten first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at: dict[tuple[bytes, str], float] = {}

    def take(self, key: bytes | None, mailboxes: tuple[str, ...], now: float) -> tuple[Row, ...]:
        """Those of the mailboxes for which a message with this key is a repeat; nobody else gets them meanwhile."""
        if key is None or not self._at:
            return ()
        taken: list[Row] = []
        with self._lock:
            for mailbox in mailboxes:
                at = self._at.pop((key, mailbox), None)
                if at is not None and now - limits.REPEAT_S < at <= now + limits.CLOCK_AHEAD_S:
                    taken.append((key, mailbox, at))
        return tuple(taken)

    def put(self, rows: tuple[Row, ...]) -> None:
        """Remember these, or give back what was taken."""
        with self._lock:
            for key, mailbox, at in rows:
                self._at[key, mailbox] = at
            while len(self._at) > limits.REPEATS_KEPT:
                del self._at[next(iter(self._at))]
