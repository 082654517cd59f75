"""Events are logged before anybody is woken, from any thread; a full disk delays them and stops nobody."""

import sqlite3

import pytest
import trio

from aimx import limits
from aimx.daemon.events import LoggedEvents
from aimx.model.event import MailboxDeleted
from aimx.store import eventlog
from aimx.store.state import State


@pytest.fixture
def state(tmp_path):
    made = State(str(tmp_path / "state.db"))
    yield made
    made.close()


def event(name: str) -> MailboxDeleted:
    return MailboxDeleted(at=0.0, mailbox=name, owner_uid=None)


def logged(state) -> list[str]:
    return state.run(lambda db: [row[0] for row in db.execute("SELECT event ->> 'mailbox' FROM events ORDER BY seq")])


def in_trio(state, story, **options):
    """Run a story with the events and what was in the log at each waking."""

    async def main():
        events, woken = LoggedEvents(state), Woken(state)
        events.listen(woken.wake)
        async with trio.open_nursery() as nursery:
            await nursery.start(events.run)
            with trio.fail_after(60):
                await story(events, woken)
            nursery.cancel_scope.cancel()

    trio.run(main, **options)


class Woken:
    """What was in the log at each waking."""

    def __init__(self, state):
        self.lasts = []
        self._state = state
        self._event = trio.Event()

    def wake(self):
        self.lasts.append(self._state.run(eventlog.ends).last)
        self._event.set()

    async def until(self, last):
        while last not in self.lasts:
            self._event = trio.Event()
            await self._event.wait()


def test_what_is_told_is_in_the_log_when_somebody_is_woken(state):
    async def story(events, woken):
        await events.tell(event("a"), event("b"))
        assert woken.lasts == [2]
        await events.tell()
        assert woken.lasts == [2]

    in_trio(state, story)
    assert logged(state) == ["a", "b"]


def test_what_is_posted_from_any_thread_is_logged_in_order(state):
    async def story(events, woken):
        events.post(event("a"), event("b"))
        await trio.to_thread.run_sync(events.post, event("c"))
        await woken.until(3)

    in_trio(state, story)
    assert logged(state) == ["a", "b", "c"]


def test_who_logs_in_a_transaction_of_its_own_wakes_from_its_thread(state):
    async def story(events, woken):
        def work():
            state.run(lambda db: eventlog.append(db, event("a")))
            events.logged()

        await trio.to_thread.run_sync(work)
        await woken.until(1)

    in_trio(state, story)


def test_what_the_database_does_not_take_is_tried_again(state, monkeypatch, capsys):
    refused = ["a", "b"]
    real = eventlog.append

    def append(db, one):
        if one.mailbox in refused:
            refused.remove(one.mailbox)
            raise sqlite3.OperationalError("database or disk is full")
        return real(db, one)

    monkeypatch.setattr(eventlog, "append", append)

    async def story(events, woken):
        await events.tell(event("a"))
        assert woken.lasts == []
        await events.tell(event("b"))
        await woken.until(2)

    monkeypatch.setattr(limits, "EVENT_RETRY_S", 0.01)
    in_trio(state, story)
    assert logged(state) == ["a", "b"]


def _refusing(monkeypatch, full):
    """The database takes nothing until `full` is emptied."""
    real = eventlog.append

    def append(db, one):
        if full:
            raise sqlite3.OperationalError("database or disk is full")
        return real(db, one)

    monkeypatch.setattr(eventlog, "append", append)


def test_what_waits_is_told_in_its_order_and_before_what_comes_later(state, monkeypatch, capsys):
    full = ["full"]
    _refusing(monkeypatch, full)
    monkeypatch.setattr(limits, "EVENT_RETRY_S", 3600)  # what is told next tries again too

    async def story(events, woken):
        await events.tell(event("a"), event("b"))
        await events.tell(event("c"))
        full.clear()
        await events.tell(event("d"))
        assert woken.lasts == [4]

    in_trio(state, story)
    assert logged(state) == ["a", "b", "c", "d"]


def test_more_than_may_wait_costs_the_oldest_and_is_logged(state, monkeypatch):
    full, lines = ["full"], []
    monkeypatch.setattr("aimx.log.emit", lines.append)
    _refusing(monkeypatch, full)
    monkeypatch.setattr(limits, "EVENT_RETRY_S", 3600)
    monkeypatch.setattr(limits, "EVENTS_UNLOGGED", 3)

    async def story(events, woken):
        await events.tell(event("a"), event("b"))
        await events.tell(event("c"), event("d"))
        full.clear()
        await events.tell(event("e"))

    in_trio(state, story)
    assert logged(state) == ["b", "c", "d", "e"]
    said = [line for line in lines if "event=events-not-logged" in line]
    assert ["lost=0" in said[0], "lost=1" in said[1]] == [True, True]


def test_nothing_posted_is_lost_by_a_process_that_only_asks_itself(state):
    events = LoggedEvents(state)
    events.post(event("a"))
    trio.run(events.flush)
    assert logged(state) == ["a"]
