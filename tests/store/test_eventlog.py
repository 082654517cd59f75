"""The event log: numbers in order of durability, told from any place, for one owner or all."""

import json
import sqlite3

import pytest

from aimx import limits
from aimx.errors import StorageFailed
from aimx.model.event import ConfigReloaded, MailboxDeleted, Received
from aimx.store import eventlog
from aimx.store.eventlog import Ends, Reader
from aimx.store.state import State

EVENT = MailboxDeleted(at=1_780_000_000.0, mailbox="m", owner_uid=1)


@pytest.fixture
def state(tmp_path):
    made = State(str(tmp_path / "state.db"))
    yield made
    made.close()


@pytest.fixture
def reader(state, tmp_path):
    made = Reader(str(tmp_path / "state.db"))
    yield made
    made.close()


def told(state, *owners):
    """One event for each owner's uid."""
    for number, uid in enumerate(owners):
        event = MailboxDeleted(at=1_780_000_000.9 + number, mailbox=f"m{uid}", owner_uid=uid)
        state.run(lambda db, event=event: eventlog.append(db, event))


def test_a_new_log_holds_nothing(reader):
    assert reader.ends() == Ends(0, 0)
    assert reader.after(0, 10, 10) == []


def test_events_come_in_order_and_once_whatever_the_page(state, reader):
    told(state, *range(7))
    for count in (1, 2, 3, 7, 100):
        seen, after = [], 0
        while page := reader.after(after, 7, count):
            seen += [entry.seq for entry in page]
            after = seen[-1]
        assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert [entry.seq for entry in reader.after(2, 5, 100)] == [3, 4, 5]


def test_one_owner_s_events_only(state, reader):
    told(state, 1, 2, None, 2, 1)
    assert [entry.seq for entry in reader.after(0, 9, 9, owner_uid=2)] == [2, 4]
    assert [entry.owner_uid for entry in reader.after(0, 9, 9)] == [1, 2, None, 2, 1]


def test_a_line_tells_its_place_and_what_happened(state, reader):
    event = Received(
        at=1_780_000_000.9, mailbox="ops", owner_uid=7, id="x", from_="Ä <a@b.test>", subject="S\u2028", trusted="none",
        thread_id="t",
    )  # fmt: skip
    state.run(lambda db: eventlog.append(db, event))
    (entry,) = reader.after(0, 1, 1)
    assert entry.line.endswith(b"}\n")
    assert entry.mailbox == "ops"
    assert list(json.loads(entry.line).items()) == [
        ("cursor", f"{reader.epoch}-1"),
        ("type", "received"),
        ("at", "2026-05-28T20:26:40Z"),
        ("mailbox", "ops"),
        ("id", "x"),
        ("from", "Ä <a@b.test>"),
        ("subject", "S\u2028"),
        ("trusted", "none"),
        ("thread_id", "t"),
    ]


def test_what_is_old_is_forgotten_and_its_numbers_are_not_given_again(state, reader, monkeypatch):
    monkeypatch.setattr(limits, "EVENTS_KEPT", 2)
    told(state, 1, 2, 3, 4)
    state.run(eventlog.prune)
    assert reader.ends() == Ends(2, 4)
    state.run(lambda db: db.execute("DELETE FROM events"))
    assert reader.ends() == Ends(4, 4)
    told(state, 5)
    assert [entry.seq for entry in reader.after(0, 9, 9)] == [5]


def test_a_number_that_came_to_nothing_is_given_to_the_next(state, reader):
    event = ConfigReloaded(at=0.0, mailbox="", owner_uid=None, mailboxes=1, hooks=0)

    def fails(db):
        eventlog.append(db, event)
        raise StorageFailed("no")

    with pytest.raises(StorageFailed):
        state.run(fails)
    assert state.run(lambda db: eventlog.append(db, event))[0] == 1
    assert reader.ends() == Ends(0, 1)


def test_a_reader_never_writes(reader):
    with pytest.raises(Exception, match="readonly"):
        reader._db.execute("DELETE FROM events")


def test_a_log_that_cannot_be_read_is_a_failure(tmp_path):
    with pytest.raises(StorageFailed):
        Reader(str(tmp_path / "nothing.db"))


DAMAGED = {
    "empty": "",
    "no-json": "{",
    "no-object": "[]",
    "no-type": "{}",
    "no-owner": '{"type": "read", "mailbox": "m"}',
}


@pytest.mark.parametrize("text", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_row_is_told_to_nobody_and_hides_nothing(state, reader, text):
    told(state, 1)
    state.run(lambda db: db.execute("INSERT INTO events (at, owner_uid, event) VALUES (0, 1, ?)", (text,)))
    told(state, 1)
    entries = reader.after(0, 3, 10)
    assert [entry.seq for entry in entries] == [1, 2, 3]
    assert entries[1][1:] == (None, "", "", b"")
    assert all(entry.line for entry in (entries[0], entries[2]))


def test_the_ends_of_a_long_log_cost_what_those_of_a_short_one_do(state, tmp_path):
    steps = []
    db = sqlite3.connect(tmp_path / "state.db")
    try:
        for count in (10, 2000):
            state.run(lambda made, count=count: [eventlog.append(made, EVENT) for _ in range(count)])
            steps.append(0)

            def step():
                steps[-1] += 1

            db.set_progress_handler(step, 1)
            assert eventlog.ends(db).last >= count
    finally:
        db.close()
    assert steps[1] < 2 * steps[0]
