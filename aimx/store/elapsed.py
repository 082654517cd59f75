"""What the wall clock said some hours ago, also when it has been set forward meanwhile.

Only within one process: of the time before it began, it knows what the wall clock says. Never reads a clock.
"""

import threading
from collections import deque

from aimx import limits


class Elapsed:
    """Thread-safe. `window_s`: how long ago is asked."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._lock = threading.Lock()
        self._offsets: deque[tuple[float, float]] = deque()  # (measured, wall minus measured); offsets that only grow

    def since(self, now: float, measured: float) -> float:
        """The earliest that the wall clock may have said within the window, as far as it was looked at then.

        `now`: what it says; `measured`: a clock that nobody sets.
        """
        offset = now - measured
        with self._lock:
            while self._offsets and self._offsets[0][0] <= measured - self._window_s:
                self._offsets.popleft()
            while self._offsets and self._offsets[-1][1] >= offset - limits.CLOCK_STEP_S:
                offset = min(offset, self._offsets.pop()[1])
            self._offsets.append((measured, offset))
            return measured - self._window_s + self._offsets[0][1]
