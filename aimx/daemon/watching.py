"""Who watches the event log: one reader for all, a place in it for each.

The log is read once for everybody and told in slices; whoever is behind what is held in memory reads the log itself.
So a watcher that is slow, or takes nothing, costs the others nothing. Sees that nobody is told of a mailbox that is
not theirs; does not decide whose it is.
"""

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import msgspec
import trio

from aimx import limits, log
from aimx.config.live import LiveConfig
from aimx.effects.accounts import Accounts
from aimx.errors import ResourcesExhausted, StorageFailed
from aimx.mime import dates
from aimx.model import cursor
from aimx.model.caller import Caller
from aimx.model.cursor import Cursor
from aimx.model.event import MailboxDeleted
from aimx.store.eventlog import Ends, Entry, Reader

T = TypeVar("T")
_GONE = MailboxDeleted.__struct_config__.tag
Owners = Callable[[Iterable[str]], dict[str, int | None]]  # of configured mailboxes among these names, now


class Scope(msgspec.Struct, frozen=True):
    """What one watcher may and wants to see. `uid` None: everything; `mailbox` None: of all mailboxes."""

    uid: int | None
    mailbox: str | None

    def lines(self, entries: Iterable[Entry]) -> bytes:
        """Those of them that it is told."""
        return b"".join(
            entry.line
            for entry in entries
            if (self.uid is None or self.uid == entry.owner_uid) and self.mailbox in (None, entry.mailbox)
        )


class Slice:
    """The events after `first`, up to and with `last`, and what of them each scope is told."""

    def __init__(self, first: int, entries: list[Entry]) -> None:
        self.first = first
        self.last = entries[-1].seq
        self.octets = sum(len(entry.line) for entry in entries)
        self._entries = entries
        self._told: dict[Scope, bytes] = {}

    def lines(self, scope: Scope, after: int) -> bytes:
        """What a scope is told of those after a number."""
        if after > self.first:
            return scope.lines(entry for entry in self._entries if entry.seq > after)
        if scope not in self._told:
            self._told[scope] = scope.lines(self._entries)
        return self._told[scope]


def owners(live: LiveConfig, accounts: Accounts, names: Iterable[str]) -> dict[str, int | None]:
    """The uid of the owner of each configured mailbox among these names; None: it does not resolve."""
    mailboxes = live.current.mailboxes
    found = {name: accounts.identity(mailboxes[name].owner) for name in names if name in mailboxes}
    return {name: account.uid if account is not None else None for name, account in found.items()}


class Watching:
    """Implements effects.api.Watching. `stale` says, by a value that changes, that owners may have changed."""

    def __init__(self, path: str, owners: Owners, stale: Callable[[], object], now: Callable[[], float]) -> None:
        """Raises: StorageFailed."""
        self._live, self._past = Reader(path), Reader(path)
        self._owners = owners
        self._stale = stale
        self.now = now
        self._live_thread, self._past_thread = trio.CapacityLimiter(1), trio.CapacityLimiter(1)
        self._slices: deque[Slice] = deque()
        self._snapshot: object = stale()
        self._wake = trio.Event()
        self._news = trio.Event()
        self._watchers: Counter[int] = Counter()
        self.first = self.last = self._live.ends().last  # what the slices cover

    @property
    def epoch(self) -> str:
        """Of the log."""
        return self._live.epoch

    @property
    def watchers(self) -> int:
        """How many there are."""
        return self._watchers.total()

    def close(self) -> None:
        """Let go of the log."""
        self._live.close()
        self._past.close()

    def wake(self) -> None:
        """The log may have grown. Never waits."""
        self._wake.set()

    async def news(self) -> None:
        """Return when there is more than before."""
        await self._news.wait()

    def watchers_of(self, caller: Caller) -> int:
        """How many a caller has."""
        return self._watchers[caller.uid]

    async def cursor(self) -> str:
        """Where the log is now. Raises: StorageFailed."""
        return str(Cursor(self.epoch, (await self.ends()).last))

    async def ends(self) -> Ends:
        """What the log holds now. Raises: StorageFailed."""
        return await self._of_past(self._past.ends)

    async def open(self, caller: Caller, after: str | None, mailbox: str | None) -> "Watcher":
        """A place in the log. Raises: ResourcesExhausted, StorageFailed."""
        full = self.watchers >= limits.WATCHERS and not caller.is_root
        if full or self._watchers[caller.uid] >= limits.WATCHERS_PER_UID:
            raise ResourcesExhausted("too many watchers, try again later")
        self._watchers[caller.uid] += 1
        try:
            ends = await self.ends()
        except BaseException:
            self.leave(caller)
            raise
        if ends.last > self.last:
            self.wake()
        return Watcher(self, caller, Scope(None if caller.is_root else caller.uid, mailbox), ends, after)

    def leave(self, caller: Caller) -> None:
        """One watcher is gone."""
        self._watchers[caller.uid] -= 1
        self._watchers += Counter()  # drops the zeros

    async def run(self) -> None:
        """Read what is new while anybody watches, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            if self._watchers:
                try:
                    await self._advance()
                except StorageFailed as error:
                    log.error("events-not-read", why=error.detail or error.reason, again=True)
                    self._wake.set()
                    await trio.sleep(limits.EVENT_RETRY_S)
            await trio.sleep(limits.STREAM_BATCH_S)

    async def _advance(self) -> None:
        ends = await trio.to_thread.run_sync(self._live.ends, limiter=self._live_thread)
        if ends.last - self.last > limits.STREAM_HELD_EVENTS:
            self._begin_at(ends.last)
        while self.last < ends.last:
            self._forget_if_stale()
            sorted_by = self._snapshot
            entries = await trio.to_thread.run_sync(
                self._read, self._live, (self.last, ends.last), None, limiter=self._live_thread
            )
            if self._stale() is not sorted_by:
                continue
            if not entries:
                break
            for part in _parts(entries):
                self._slices.append(Slice(self.last, part))
                self.last = part[-1].seq
        while self._held() > limits.STREAM_HELD_OCTETS or self.last - self.first > limits.STREAM_HELD_EVENTS:
            self.first = self._slices.popleft().last
        self._news.set()
        self._news = trio.Event()

    def _held(self) -> int:
        return sum(part.octets for part in self._slices)

    def _begin_at(self, seq: int) -> None:
        self._slices.clear()
        self.first = self.last = seq

    def _forget_if_stale(self) -> None:
        """Owners may have changed: what is held was sorted by the old ones."""
        now = self._stale()
        if now is not self._snapshot:
            self._snapshot = now
            self._begin_at(self.last)

    async def take(self, scope: Scope, after: int) -> tuple[bytes, int] | None:
        """The next lines after a number, and up to where they reach. None: the log no longer holds what comes next.

        Raises: StorageFailed.
        """
        self._forget_if_stale()
        if after >= self.first:
            part = next(part for part in reversed(self._slices) if part.first <= after)  # mostly the last one
            return part.lines(scope, after), part.last
        upto = self.first
        return await self._of_past(lambda: self._lines_of_past(scope, after, upto))

    def _lines_of_past(self, scope: Scope, after: int, upto: int) -> tuple[bytes, int] | None:
        entries = self._read(self._past, (after, upto), scope.uid)
        if self._past.ends().first > after:
            return None
        if not entries:
            return b"", upto
        part = next(_parts(entries))
        return scope.lines(part), part[-1].seq

    def _read(self, reader: Reader, between: tuple[int, int], uid: int | None) -> list[Entry]:
        """Entries, each of whom it may be told to: its owner then, while nobody else owns the mailbox.

        That it is gone is always told to whoever had it.
        """
        entries = reader.after(*between, limits.STREAM_READ_EVENTS, uid)
        owners = self._owners({entry.mailbox for entry in entries})
        return [
            entry
            if entry.kind == _GONE or owners.get(entry.mailbox, entry.owner_uid) == entry.owner_uid
            else entry._replace(owner_uid=None)
            for entry in entries
        ]

    async def _of_past(self, work: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(work, limiter=self._past_thread)


class Watcher:
    """The lines of one watcher, in pieces; they end when it is closed."""

    def __init__(self, watching: Watching, caller: Caller, scope: Scope, ends: Ends, after: str | None) -> None:
        self._watching = watching
        self._caller: Caller | None = caller
        self._scope = scope
        self._told_at = trio.current_time()
        place = cursor.parse(after) if after is not None else Cursor(watching.epoch, ends.last)
        why = why_gap(place, ends, watching.epoch)
        self._seq = ends.last if place is None or why else place.seq
        self._opening = self._line("hello", heartbeat_s=round(limits.STREAM_HEARTBEAT_S))
        if why:
            self._opening += self._line("gap", reason=why)

    def __aiter__(self) -> "Watcher":
        return self

    async def __anext__(self) -> bytes:
        lines = await self._next()
        self._told_at = trio.current_time()
        return lines

    async def aclose(self) -> None:
        """It is gone."""
        if self._caller is not None:
            self._watching.leave(self._caller)
            self._caller = None

    async def _next(self) -> bytes:
        if self._opening:
            lines, self._opening = self._opening, b""
            return lines
        while True:
            if self._watching.last > self._seq:
                taken = await self._watching.take(self._scope, self._seq)
                if taken is None:
                    self._seq = (await self._watching.ends()).last
                    return self._line("gap", reason="expired")
                lines, self._seq = taken
                if lines:
                    return lines
                continue
            with trio.move_on_at(self._told_at + limits.STREAM_HEARTBEAT_S) as patience:
                await self._watching.news()
            if patience.cancelled_caught:
                return self._line("heartbeat")

    def _line(self, kind: str, **fields: object) -> bytes:
        place = str(Cursor(self._watching.epoch, self._seq))
        told = {"cursor": place, "type": kind, "at": dates.utc(self._watching.now()), **fields}
        return msgspec.json.encode(told) + b"\n"


def why_gap(place: Cursor | None, ends: Ends, epoch: str) -> str:
    """Why what comes after a cursor is not known; empty: it is."""
    if place is None:
        return "malformed"
    if place.epoch != epoch:
        return "other-log"
    if place.seq > ends.last:
        return "unknown"
    return "expired" if place.seq < ends.first else ""


def _parts(entries: list[Entry]) -> Iterator[list[Entry]]:
    """Runs of entries of about STREAM_PIECE_OCTETS."""
    octets = itertools.accumulate(len(entry.line) for entry in entries)
    numbered = zip(octets, entries, strict=True)
    for _, part in itertools.groupby(numbered, key=lambda pair: pair[0] // limits.STREAM_PIECE_OCTETS):
        yield [entry for _, entry in part]
