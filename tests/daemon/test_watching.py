"""Places in the event log: nothing missed, nothing twice, nobody else's, however far behind or often gone."""

import json
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from aimx import limits
from aimx.daemon.events import LoggedEvents
from aimx.daemon.watching import Watching
from aimx.errors import ResourcesExhausted
from aimx.model.caller import Caller
from aimx.model.event import HookDeleted, MailboxDeleted
from aimx.store import eventlog
from aimx.store.state import State

ROOT, ALICE, BOB = Caller(0, 0), Caller(1001, 1001), Caller(1002, 1002)


class Log:
    """A log and who owns which mailbox now; `snapshot` is another object whenever that changes."""

    def __init__(self, path):
        self.state = State(str(path))
        self.events = LoggedEvents(self.state)
        self.owners = {}
        self.snapshot = object()
        self.looked = lambda: None  # called once, after the next look at who owns what
        self.watching = Watching(self.state.path, self.now_owned, lambda: self.snapshot, lambda: 0.0)
        self.events.listen(self.watching.wake)
        self.told = 0

    def now_owned(self, names):
        found = {name: self.owners[name] for name in names if name in self.owners}
        looked, self.looked = self.looked, lambda: None
        looked()
        return found

    def give(self, mailbox, uid):
        self.owners[mailbox] = uid
        self.snapshot = object()

    async def tell(self, count=1, uid=None, mailbox="m"):
        """Events numbered by their time."""
        first, self.told = self.told, self.told + count
        await self.events.tell(
            *(HookDeleted(at=float(first + n), mailbox=mailbox, owner_uid=uid, hook="h") for n in range(count))
        )

    def close(self):
        self.watching.close()
        self.state.close()


def story(path, play, **options):
    """Play with a log that is served."""

    @asynccontextmanager
    async def served():
        log = Log(path)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(log.events.run)
                nursery.start_soon(log.watching.run)
                with trio.fail_after(600):
                    yield log
                nursery.cancel_scope.cancel()
        finally:
            log.close()

    async def main():
        async with served() as log:
            await play(log)

    trio.run(main, **options)


class Reading:
    """A watcher's lines one by one. `seen` are the numbers of events, `cursor` that of the last line."""

    def __init__(self, log, lines):
        self._log, self._lines, self._held = log, lines, []
        self.seen = []
        self.cursor = ""

    @classmethod
    async def open(cls, log, caller=ROOT, after=None, mailbox=None):
        made = cls(log, await log.watching.open(caller, after, mailbox))
        assert (await made.line())["type"] == "hello"
        return made

    async def line(self):
        if not self._held:
            self._held = (await self._lines.__anext__()).splitlines()
        told = json.loads(self._held.pop(0))
        self.cursor = told["cursor"]
        if told["type"] in ("hook_deleted", "mailbox_deleted"):
            self.seen.append(int(told["cursor"].rpartition("-")[2]))
        return told

    async def read(self, count):
        wanted = len(self.seen) + count
        while len(self.seen) < wanted:
            await self.line()

    async def close(self):
        await self._lines.aclose()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(limits, "STREAM_BATCH_S", 0.0)


def test_whoever_is_behind_what_is_held_reads_the_log_and_catches_up(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "STREAM_HELD_EVENTS", 10)
    monkeypatch.setattr(limits, "STREAM_READ_EVENTS", 7)
    monkeypatch.setattr(limits, "STREAM_PIECE_OCTETS", 300)

    async def play(log):
        slow, quick = await Reading.open(log), await Reading.open(log)
        for _ in range(10):
            await log.tell(8)
            await quick.read(8)
        await slow.read(80)
        await log.tell()
        await slow.read(1)
        await quick.read(1)
        assert slow.seen == quick.seen == list(range(1, 82))
        assert log.watching.last - log.watching.first <= 10

    story(tmp_path / "state.db", play)


def test_a_burst_longer_than_what_is_held_is_read_from_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "STREAM_HELD_EVENTS", 10)

    async def play(log):
        reading = await Reading.open(log)
        await log.tell(500)
        await reading.read(500)
        assert reading.seen == list(range(1, 501))

    story(tmp_path / "state.db", play)


def test_what_is_no_longer_in_the_log_is_a_gap(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "EVENTS_KEPT", 5)
    monkeypatch.setattr(limits, "STREAM_HELD_EVENTS", 2)

    async def play(log):
        asleep = await Reading.open(log)
        start = asleep.cursor
        await log.tell(20)
        log.state.run(eventlog.prune)
        awake = await Reading.open(log)
        await log.tell()
        await awake.read(1)
        gap = await asleep.line()
        assert (gap["type"], gap["reason"]) == ("gap", "expired")
        await log.tell()
        await asleep.read(1)
        assert asleep.seen[-1] == 22
        late = await log.watching.open(ROOT, start, None)
        hello, gap = (await late.__anext__()).splitlines()
        assert json.loads(hello)["cursor"] == json.loads(gap)["cursor"] == asleep.cursor
        assert json.loads(gap)["reason"] == "expired"
        oldest = await Reading.open(log, after=f"{log.watching.epoch}-15")
        await oldest.read(7)
        assert oldest.seen == list(range(16, 23))

    story(tmp_path / "state.db", play)


def test_each_is_told_of_their_own_mailboxes_root_of_all(tmp_path):
    async def play(log):
        log.give("a", ALICE.uid)
        log.give("b", BOB.uid)
        readers = [await Reading.open(log, caller) for caller in (ROOT, ALICE, BOB)]
        one = await Reading.open(log, ROOT, mailbox="b")
        for mailbox, uid in (("a", 1001), ("b", 1002), ("a", 1001), ("x", None), ("gone", 1001), ("a", 1002)):
            await log.tell(1, uid, mailbox)
        await log.tell(1, 1002, "b")
        await readers[0].read(7)
        await readers[1].read(3)
        await readers[2].read(2)
        await one.read(2)
        assert [reading.seen for reading in readers] == [list(range(1, 8)), [1, 3, 5], [2, 7]]
        assert one.seen == [2, 7]
        again = await Reading.open(log, ALICE, after=f"{log.watching.epoch}-0")
        await again.read(3)
        assert again.seen == [1, 3, 5]

    story(tmp_path / "state.db", play)


def test_who_no_longer_owns_a_mailbox_is_told_nothing_of_it(tmp_path):
    async def play(log):
        log.give("a", ALICE.uid)
        log.give("z", ALICE.uid)
        watching = await Reading.open(log, ALICE)
        start = watching.cursor
        await log.tell(1, ALICE.uid, "a")
        await watching.read(1)
        log.give("a", BOB.uid)
        await log.tell(1, ALICE.uid, "a")  # a hook of hers that ends
        await log.tell(1, BOB.uid, "a")
        await log.tell(1, ALICE.uid, "z")
        await watching.read(1)
        assert watching.seen == [1, 4]
        again = await Reading.open(log, ALICE, after=start)
        await again.read(1)
        assert again.seen == [4]
        theirs = await Reading.open(log, BOB, after=start)
        await theirs.read(1)
        assert theirs.seen == [3]
        await log.events.tell(MailboxDeleted(at=0.0, mailbox="a", owner_uid=ALICE.uid))
        await watching.read(1)  # that she no longer has it
        assert watching.seen == [1, 4, 5]

    story(tmp_path / "state.db", play)


def test_a_mailbox_that_changes_hands_while_its_owner_is_looked_up_is_not_told(tmp_path):
    async def play(log):
        log.give("a", ALICE.uid)
        log.give("z", ALICE.uid)
        watching, other = await Reading.open(log, ALICE), await Reading.open(log)
        await log.tell(1, ALICE.uid, "z")
        await watching.read(1)

        def given_while_somebody_reads():
            log.give("a", BOB.uid)
            trio.from_thread.run(other.read, 1)

        log.looked = given_while_somebody_reads
        await log.tell(1, ALICE.uid, "a")
        await log.tell(1, ALICE.uid, "z")
        await watching.read(1)
        assert watching.seen == [1, 3]

    story(tmp_path / "state.db", play)


def test_who_has_no_news_gets_a_heartbeat_with_the_place_reached(tmp_path):
    async def play(log):
        reading = await Reading.open(log, ALICE)
        began = trio.current_time()
        await log.tell(3)
        beat = await reading.line()
        assert (beat["type"], beat["cursor"]) == ("heartbeat", f"{log.watching.epoch}-3")
        assert trio.current_time() - began == pytest.approx(limits.STREAM_HEARTBEAT_S, abs=1)
        assert (await reading.line())["type"] == "heartbeat"

    story(tmp_path / "state.db", play, clock=MockClock(autojump_threshold=1.0))  # the log is written by a thread


def test_watchers_are_bounded_and_root_always_gets_in(tmp_path, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS_PER_UID", 2)
    monkeypatch.setattr(limits, "WATCHERS", 3)

    async def play(log):
        held = [await Reading.open(log, caller) for caller in (ALICE, ALICE, BOB)]
        for caller in (ALICE, BOB):
            with pytest.raises(ResourcesExhausted):
                await log.watching.open(caller, None, None)
        root = await Reading.open(log, ROOT)
        assert (log.watching.watchers, log.watching.watchers_of(ALICE)) == (4, 2)
        await root.close()
        await held[0].close()
        await held[0].close()
        assert log.watching.watchers_of(ALICE) == 1
        await Reading.open(log, ALICE)

    story(tmp_path / "state.db", play)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.integers(1, 30)),
        st.tuples(st.just("read"), st.integers(0, 20)),
        st.tuples(st.just("reconnect"), st.just(0)),
    ),
    max_size=25,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS)
def test_any_course_of_reading_and_reconnecting_sees_each_event_once_in_order(tmp_path_factory, steps):
    async def play(log):
        reading = await Reading.open(log)
        seen, last = reading.seen, 0
        for what, count in steps:
            if what == "tell":
                await log.tell(count)
                last += count
            elif what == "read":
                await reading.read(min(count, last - len(seen)))
            else:
                cursor = reading.cursor
                await reading.close()
                reading = await Reading.open(log, after=cursor)
                assert reading.cursor == cursor
                reading.seen = seen
        await reading.read(last - len(seen))
        assert seen == list(range(1, last + 1))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(limits, "STREAM_HELD_EVENTS", 15)
        patch.setattr(limits, "STREAM_READ_EVENTS", 7)
        patch.setattr(limits, "STREAM_PIECE_OCTETS", 500)
        story(tmp_path_factory.mktemp("log") / "state.db", play)
