"""Both databases as somebody sees them who is not their writer: beside it, after it, and when they are no databases."""

import os
import sqlite3

import pytest

from aimx.policy import firing
from aimx.store import survey
from aimx.store.state import State

JOB = (
    "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation, created, ended,"
    " exit_code, timed_out, reason) VALUES (?, ?, 'ops', 'on_receive', 'inbox', 'x', '/x', 1, x'80', '', ?, ?, ?, ?, ?)"
)
RUNS = [
    ("done", "fine", 1.0, 100.0, 0, 0, None),
    ("done", "fails", 1.0, 100.0, 0, 0, None),
    ("done", "fails", 1.0, 101.0, 2, 0, None),
    ("done", "fails", 1.0, 102.0, 3, 0, None),
    ("done", "long-ago", 1.0, 5.0, 3, 0, None),
    ("done", "slow", 1.0, 100.0, -1, 1, None),
    ("done", "gone", 1.0, 100.0, -1, 0, "spawn-failed"),
    ("interrupted", "cut", 1.0, 100.0, None, None, "daemon-restart"),
    ("skipped", "orphan", 1.0, 100.0, None, None, "owner-not-found"),
    ("skipped", "gated", 1.0, 100.0, None, None, "not-trusted"),
    ("pending", "waits", 50.0, None, None, None, None),
    ("pending", "waits", 60.0, None, None, None, None),
    ("started", "runs", 40.0, None, None, None, None),
]


@pytest.fixture
def state(tmp_path):
    """A state.db with runs, its writer still there."""
    found = State(str(tmp_path / "state.db"))
    found.run(lambda db: db.executemany(JOB, RUNS))
    yield found
    found.close()


TOLD = {
    "cut": (1, "interrupted: daemon-restart"),
    "fails": (2, "exit code 3"),
    "gone": (1, "done: spawn-failed"),
    "orphan": (1, "skipped: owner-not-found"),
    "slow": (1, "timed out"),
}


def test_beside_the_writer(state, tmp_path):
    asked_for = JOB.replace("'x', '/x', 1,", "'x', '/x', 0,")
    state.run(lambda db: db.execute(asked_for, ("done", "tested", 1.0, 100.0, 1, 0, None)))
    found = survey.books(str(tmp_path), 10.0)
    assert (found.state, found.index) == ("read", "missing")
    assert {trouble.hook: (trouble.failed, trouble.last) for trouble in found.trouble} == TOLD
    assert (found.hooks_waiting, found.hooks_oldest, found.hooks_most) == (2, 50.0, "waits")
    assert "owner-not-found" in firing.FAULTS


def test_what_waits_in_the_spool(state, tmp_path):
    rows = [("ops", "a", "first", 7.0), ("ops", "b", "second", 8.0), ("dev", "c", "third", 9.0)]
    insert = "INSERT INTO spool (mailbox, entry, reason, since, copy) VALUES (?, ?, ?, ?, x'80')"
    state.run(lambda db: db.executemany(insert, rows))
    waiting = survey.books(str(tmp_path), 10.0).waiting
    assert [(one.mailbox, one.copies, one.since, one.reason) for one in waiting] == [
        ("dev", 1, 9.0, "third"),
        ("ops", 2, 7.0, "first"),
    ]


def test_after_the_writer(tmp_path):
    State(str(tmp_path / "state.db")).close()
    before = sorted(os.listdir(tmp_path))
    assert survey.books(str(tmp_path), 0.0).state == "read"
    assert sorted(os.listdir(tmp_path)) == before


BROKEN = {"text": b"no database at all, but long enough to have a header " * 20, "empty": b""}


@pytest.mark.parametrize("octets", BROKEN.values(), ids=BROKEN)
def test_what_is_no_database(tmp_path, octets):
    (tmp_path / "state.db").write_bytes(octets)
    found = survey.books(str(tmp_path), 0.0)
    assert found.state in ("broken", "unreadable")
    assert found.why


def test_another_version(state, tmp_path):
    state.run(lambda db: db.execute("UPDATE meta SET value = '99' WHERE key = 'version'"))
    found = survey.books(str(tmp_path), 0.0)
    assert (found.state, found.why.partition(",")[0]) == ("broken", "schema version 99")


@pytest.mark.parametrize("kind", ["link", "directory", "fifo"])
def test_what_is_no_file_is_not_opened(tmp_path, kind):
    path = tmp_path / "state.db"
    if kind == "link":
        with sqlite3.connect(tmp_path / "other.db") as db:
            db.execute("CREATE TABLE meta (key, value)")
        db.close()
        path.symlink_to(tmp_path / "other.db")
    elif kind == "directory":
        path.mkdir()
    else:
        os.mkfifo(path)
    assert survey.books(str(tmp_path), 0.0).state in ("unreadable", "broken")


def test_nothing_is_there(tmp_path):
    assert survey.books(str(tmp_path / "none"), 0.0).state == "missing"
    assert not (tmp_path / "none").exists()
