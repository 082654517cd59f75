"""How many octets of strangers the front may hold at once (R4), first come, first served. Stores nothing itself."""

from collections import deque

import trio

from aimx.errors import ResourcesExhausted


class MemoryBudget:
    """Octets that may be held at the same time: `capacity` in all, `free` at the moment."""

    def __init__(self, capacity_octets: int, wait_s: float) -> None:
        self.capacity = self.free = capacity_octets
        self._wait_s = wait_s
        self._waiting: deque[_Waiter] = deque()

    def try_take(self, octets: int) -> bool:
        """Hold octets if that needs no waiting."""
        fits = not self._waiting and octets <= self.free
        if fits:
            self.free -= octets
        return fits

    async def take(self, octets: int) -> None:
        """Hold octets until `give`. Who may wait here should hold nothing, so that somebody always goes on.

        Raises: ResourcesExhausted when nothing was free for as long as the budget lets anybody wait.
        """
        if self.try_take(octets):
            return
        waiter = _Waiter(octets)
        self._waiting.append(waiter)
        try:
            with trio.move_on_after(self._wait_s):
                await waiter.granted.wait()
                return
        except trio.Cancelled:
            self._leave(waiter)
            raise
        self._leave(waiter)
        raise ResourcesExhausted("insufficient memory, try again later")

    def _leave(self, waiter: "_Waiter") -> None:
        if waiter.granted.is_set():
            self.give(waiter.octets)
        else:
            self._waiting.remove(waiter)
            self._grant()

    def give(self, octets: int) -> None:
        """Release octets that were taken."""
        self.free += octets
        self._grant()

    def _grant(self) -> None:
        while self._waiting and self._waiting[0].octets <= self.free:
            waiter = self._waiting.popleft()
            self.free -= waiter.octets
            waiter.granted.set()


class _Waiter:
    """One `take` in line."""

    def __init__(self, octets: int) -> None:
        self.octets = octets
        self.granted = trio.Event()
