"""Hook runs as state.db has them: the newest first, whoever asks and however many mailboxes it is about."""

import re
import sqlite3

import pytest

from aimx.model.hook import RunsAsked
from aimx.store import intent, jobs, runs, schema
from aimx.store.jobs import JobRow
from aimx.store.state import State

STATES = ("held", "pending", "started", "done", "interrupted", "skipped")


@pytest.fixture
def state(tmp_path):
    opened = State(str(tmp_path / "state.db"))
    yield opened
    opened.close()


def insert(db, number, state="done", mailbox="a", hook="h", email_id="m", uid=1000, message=1, conversation="c"):
    env = intent.encode({"AIMX_SUBJECT": f"{number}"})
    db.execute(
        "INSERT INTO jobs (id, state, hook, mailbox, event, folder, email_id, path, message, env, conversation,"
        " created, owner_uid) VALUES (?, ?, ?, ?, 'on_receive', 'inbox', ?, '/p', ?, ?, ?, ?, ?)",
        (number, state, hook, mailbox, email_id, message, env, conversation, float(number), uid),
    )


def filled(state, rows):
    def work(db):
        for number, row in enumerate(rows, 1):
            insert(db, number, **row)

    state.run(work)
    return state


def newest(state, **asked):
    return state.run(lambda db: runs.newest(db, RunsAsked(**{"limit": 100, **asked})))


def test_states_are_told_in_words_of_their_own(state):
    filled(state, [{"state": name} for name in STATES])
    assert [run.state for run in newest(state)] == ["skipped", "interrupted", "done", "running", "waiting", "waiting"]


def test_mailboxes_are_merged_by_age(state):
    filled(state, [{"mailbox": "abc"[number % 3]} for number in range(30)])
    assert [run.run for run in newest(state, mailboxes=("a", "c"), limit=7)] == [30, 28, 27, 25, 24, 22, 21]
    assert [run.run for run in newest(state, limit=3)] == [30, 29, 28]
    assert newest(state, mailboxes=()) == newest(state, limit=0) == ()


@pytest.mark.parametrize(
    ("asked", "found"),
    [({"hook": "h"}, [4, 2, 1]), ({"email_id": "m"}, [4, 3, 1]), ({"uid": 1000}, [3, 2, 1]),
     ({"hook": "h", "email_id": "m", "uid": 1000}, [1]), ({"hook": "x"}, [])],
    ids=["hook", "message", "uid", "all", "none"],
)  # fmt: skip
@pytest.mark.parametrize("mailboxes", [None, ("a",)], ids=["everywhere", "mailbox"])
def test_what_is_asked_for_narrows(state, asked, found, mailboxes):
    filled(state, [{}, {"email_id": "n"}, {"hook": "i"}, {"uid": 1001}])
    assert [run.run for run in newest(state, mailboxes=mailboxes, **asked)] == found


def test_a_page_is_found_by_index(state):
    filled(state, [{"mailbox": "ab"[number % 2]} for number in range(10)])
    plan = state.run(
        lambda db: db.execute(
            "EXPLAIN QUERY PLAN SELECT id FROM jobs WHERE mailbox = ? AND +hook = ? ORDER BY id DESC LIMIT 3",
            ("a", "h"),
        ).fetchall()
    )
    assert "jobs_by_mailbox" in str(plan)
    assert "TEMP B-TREE" not in str(plan)


def test_a_test_is_told_as_one_counts_nowhere_and_is_never_queued(state):
    row = JobRow(0, "h", "a", "on_receive", "inbox", "m", "/p", 0, {"AIMX_SUBJECT": "x"}, "")

    def begin(db):
        number = jobs.insert_test(db, row, 5.0, 1000)
        assert jobs.start(db, number, jobs.Start(5.0, 1000))
        return number

    number = state.run(begin)
    (run,) = newest(state)
    assert (run.run, run.test, run.state, run.created, run.started) == (number, True, "running", 5.0, 5.0)
    assert state.run(lambda db: jobs.pending(db)) == []
    assert state.run(lambda db: jobs.fires(db, "h", "", 0.0)) == 1  # nobody asks about no conversation
    (told,) = state.run(lambda db: jobs.interrupt_started(db, 6.0))
    assert (told.hook, told.mailbox, told.id, told.owner_uid, told.reason) == ("h", "a", "m", 1000, jobs.RESTART)
    assert newest(state)[0].test
    assert state.run(lambda db: runs.recorded(db, "h", ("a", 1000), "on_receive", "m")) is None


@pytest.mark.parametrize(("began", "counts"), [(-1.0, 0), (1.0, 1), (86_400.0, 1), (2e9, 0)])
def test_a_budget_counts_a_day_and_nothing_of_a_clock_that_was_ahead(state, began, counts):
    def begin(db):
        insert(db, 1, state="pending", conversation="c")
        jobs.start(db, 1, jobs.Start(1e9 + began, 1000))
        return jobs.fires(db, "h", "c", 1e9), jobs.frees(db, "h", "c", 1e9, 1)

    assert state.run(begin) == (counts, 1e9 + began if counts else None)


def test_what_was_recorded_for_a_mail_is_found_by_its_hook_or_another(state):
    filled(state, [{"hook": "i"}, {"hook": "h", "conversation": "d"}, {"hook": "j", "state": "skipped"}])

    def recorded(hook, email_id="m", uid=1000):
        return state.run(lambda db: runs.recorded(db, hook, ("a", uid), "on_receive", email_id))

    assert recorded("h") == ({"AIMX_SUBJECT": "2"}, "d")
    assert recorded("i") == ({"AIMX_SUBJECT": "1"}, "c")
    assert recorded("new").env == {"AIMX_SUBJECT": "2"}
    assert recorded("h", "other") is None
    assert recorded("h", uid=1001) is None  # who has the mailbox by now


def test_a_database_without_owners_gets_the_column_and_keeps_its_rows(tmp_path):
    path = tmp_path / "state.db"
    with sqlite3.connect(path) as db:
        db.executescript(
            re.sub(r", owner_uid INTEGER,.*?\);\nCREATE INDEX", ");\nCREATE INDEX", schema.SCHEMA, flags=re.S)
        )
        assert "owner_uid" not in {row[1] for row in db.execute("PRAGMA table_info(jobs)")}
        db.execute(
            "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation,"
            " created) VALUES ('done', 'h', 'a', 'on_receive', 'inbox', 'm', '/p', 1, x'80', '', 1.0)"
        )
    db.close()
    for _ in range(2):
        state = State(str(path))
        assert [run.hook for run in newest(state)] == ["h"]
        assert newest(state, uid=1000) == ()  # whose it was is not known: root's
        state.close()
