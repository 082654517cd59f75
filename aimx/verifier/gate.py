"""How many at once, of all and of one; and how often one may ask. Keeps a bounded number of names, and no clock."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from aimx import limits

_MINUTE_S = 60.0


class Full(Exception):
    """No place is free; `own` when it is the caller's share that is used up."""

    def __init__(self, own: bool) -> None:
        super().__init__("no place is free")
        self.own = own


class Gate:
    """Places. `each`: of one key."""

    def __init__(self, most: int, each: int) -> None:
        self._most, self._each = most, each
        self.inside = 0
        self._of: Counter[str] = Counter()

    @contextmanager
    def place(self, key: str | None) -> Iterator[None]:
        """A place while it is open; without a key only the whole counts. Raises: Full."""
        if self.inside >= self._most:
            raise Full(own=False)
        if key is not None and self._of[key] >= self._each:
            raise Full(own=True)
        self.inside += 1
        if key is not None:
            self._of[key] += 1
        try:
            yield
        finally:
            self.inside -= 1
            if key is not None:
                self._of[key] -= 1
                if not self._of[key]:
                    del self._of[key]


class Rate:
    """A bucket for each key, `burst` deep, filled anew within a minute. The times are the caller's, in seconds."""

    def __init__(self, per_minute: int) -> None:
        self._burst = float(per_minute)
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str, now_s: float) -> bool:
        """Whether one more is within the rate. Keys that were not seen for longest are forgotten, to be full again."""
        left, then = self._buckets.pop(key, (self._burst, now_s))
        left = min(self._burst, left + (now_s - then) * self._burst / _MINUTE_S)
        taken = left >= 1
        self._buckets[key] = (left - 1 if taken else left, now_s)
        while len(self._buckets) > limits.VERIFIER_CALLERS:
            self._buckets.popitem(last=False)
        return taken
