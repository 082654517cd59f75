"""How many octets of strangers the front may hold at once (R4), first come, first served. Stores nothing itself."""

from collections import Counter, deque

import trio

from aimx.errors import ResourcesExhausted


class MemoryBudget:
    """Octets that may be held at the same time: `capacity` in all, `free` at the moment."""

    def __init__(self, capacity_octets: int, wait_s: float) -> None:
        self.capacity = self.free = capacity_octets
        self._wait_s = wait_s
        self._waiting: deque[_Waiter] = deque()

    def try_take(self, octets: int, little: bool = False) -> bool:
        """Hold octets if that needs no waiting. `little`: so few that those who wait need not come first."""
        fits = (little or not self._waiting) and octets <= self.free
        if fits:
            self.free -= octets
        return fits

    async def take(self, octets: int, little: bool = False) -> None:
        """Hold octets until `give`. Who may wait here should hold nothing, so that somebody always goes on.

        `little`: so few that they go first.

        Raises: ResourcesExhausted when nothing was free for as long as the budget lets anybody wait.
        """
        if self.try_take(octets, little):
            return
        waiter = _Waiter(octets)
        if little:
            self._waiting.appendleft(waiter)
        else:
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


class Shares:
    """A budget of which no uid may hold more than its share, however much it asks for. Root has no share but all.

    Whoever asks for at most `little_octets` waits only for that much, not for those who need more.
    """

    def __init__(self, whole: MemoryBudget, share_octets: int, wait_s: float, little_octets: int = 0) -> None:
        self._whole = whole
        self._share_octets = share_octets
        self._little_octets = little_octets
        self._wait_s = wait_s
        self._shares: dict[int, MemoryBudget] = {}
        self._users: Counter[int] = Counter()

    async def hold(self, uid: int, octets: int) -> "Held":
        """Hold octets for a uid, at most all that it may ever have. Raises: ResourcesExhausted."""
        most = self._whole.capacity if uid == 0 else self._share_octets
        octets = min(octets, most)
        little = octets <= self._little_octets
        share = self._shares.setdefault(uid, MemoryBudget(most, self._wait_s))
        self._users[uid] += 1
        try:
            await share.take(octets, little)  # always before the whole, so that nobody waits for himself
            try:
                await self._whole.take(octets, little)
            except BaseException:
                share.give(octets)
                raise
        except BaseException:
            self._leave(uid)
            raise
        return Held(self, uid, octets)

    def give(self, uid: int, octets: int, last: bool) -> None:
        """Release octets. `last`: their holder holds no more."""
        self._whole.give(octets)
        self._shares[uid].give(octets)
        if last:
            self._leave(uid)

    def _leave(self, uid: int) -> None:
        self._users[uid] -= 1
        if not self._users[uid]:
            del self._users[uid], self._shares[uid]


class Held:
    """What one request holds of the shares."""

    def __init__(self, shares: Shares, uid: int, octets: int) -> None:
        self._shares = shares
        self._uid = uid
        self.octets = octets
        self._released = False

    def keep(self, octets: int) -> None:
        """Release all but so many octets."""
        if octets < self.octets:
            self._shares.give(self._uid, self.octets - octets, last=False)
            self.octets = octets

    def release(self) -> None:
        """Release the rest. May be called again."""
        if not self._released:
            self._released = True
            self._shares.give(self._uid, self.octets, last=True)
            self.octets = 0
