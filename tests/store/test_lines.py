"""Who waits for a run: order within a mail, and what a look costs however many wait."""

import sqlite3
from pathlib import PurePath

import msgspec
import pytest

from aimx import limits
from aimx.daemon.hookplaces import Places
from aimx.model.config import Config, Mailbox
from aimx.store import lines, schema
from aimx.store.backlog import backlog
from aimx.store.lines import Line

ENV = msgspec.msgpack.encode({"AIMX_SUBJECT": "Hello"})
MAILS = 20_000
STEPS = 80_000  # of sqlite's machine; less than one for each job and column


@pytest.fixture
def db():
    connection = sqlite3.connect(":memory:")
    connection.executescript(schema.SCHEMA)
    yield connection
    connection.close()


def add(db, *jobs, state="pending"):
    """Jobs as (mailbox, hook, id of the mail)."""
    db.executemany(
        "INSERT INTO jobs (state, mailbox, hook, event, folder, email_id, path, message, env, conversation, created)"
        f" VALUES ('{state}', ?, ?, 'on_receive', 'inbox', ?, '/p', 1, ?, '', 0)",
        [(*job, ENV) for job in jobs],
    )


def config(concurrency=0, **owners):
    """Mailboxes by owner; each hook of a mailbox `x` begins with an x."""
    boxes = {name: Mailbox(name, f"{name}@agent.test", owner) for name, owner in owners.items()}
    return Config("agent.test", PurePath("/d"), boxes, hook_concurrency=concurrency)


def start(db, places, settings):
    """What gets a place now, as hooks and mails."""
    rows = places.choice(settings).chosen(db)
    for row in rows:
        places.take(row)
        db.execute("UPDATE jobs SET state = 'started' WHERE id = ?", (row.id,))
    return rows


def names(rows):
    return [(row.hook, row.email_id) for row in rows]


def end(db, places, row):
    db.execute("UPDATE jobs SET state = 'done' WHERE id = ?", (row.id,))
    places.leave(row)


def steps(db, work):
    """How many steps of its virtual machine sqlite took, in hundreds."""
    taken = []
    db.set_progress_handler(lambda: taken.append(None), 100)
    work()
    db.set_progress_handler(None, 0)
    return 100 * len(taken)


def test_every_line_and_its_oldest(db):
    assert lines.lines(db) == []
    add(db, ("b", "b2", "m"), ("a", "a1", "m"), ("b", "b1", "m"), ("a", "a1", "n"), ("c", "a1", "m"))
    add(db, ("a", "a0", "x"), state="held")
    assert lines.lines(db) == [Line("a", "a1", 2), Line("b", "b1", 3), Line("b", "b2", 1), Line("c", "a1", 5)]


def test_the_hooks_of_one_mail_run_one_after_another_and_different_mails_at_once(db):
    add(db, ("a", "a1", "m"), ("a", "a2", "m"), ("a", "a1", "n"), ("a", "a2", "n"))
    places, settings = Places(), config(a="ann")
    first = start(db, places, settings)
    assert names(first) == [("a1", "m"), ("a1", "n")]
    assert start(db, places, settings) == []
    end(db, places, first[1])
    assert names(start(db, places, settings)) == [("a2", "n")]


def test_a_hook_has_as_many_places_as_the_configuration_says_now(db):
    add(db, *(("a", "a1", f"m{number}") for number in range(9)))
    places = Places()
    assert len(start(db, places, config(2, a="ann"))) == 2
    assert len(start(db, places, config(5, a="ann"))) == 3
    assert start(db, places, config(1, a="ann")) == []
    assert len(start(db, places, config(a="ann"))) == 4


def test_no_backlog_of_one_or_two_owners_makes_a_third_wait_for_more_than_one_run(db):
    for box in ("a", "b"):
        add(db, *((box, f"{box}1", f"m{number}") for number in range(50)))
    places, settings = Places(), config(a="ann", b="bob", c="cem", c2="cem")
    running = start(db, places, settings)
    assert [sum(row.mailbox == box for row in running) for box in "ab"] == [limits.HOOK_POOL // 2] * 2
    add(db, ("c", "c1", "m"), ("c2", "c2", "m"))
    for row in running[:2]:
        end(db, places, row)
    assert names(start(db, places, settings)) == [("c1", "m"), ("c2", "m")]


def test_one_owner_has_not_all_the_places_and_no_hook_of_his_all_of_those(db):
    add(db, *(("a", "a1", f"m{number}") for number in range(50)), ("a2", "a2", "m"))
    places = Places()
    running = start(db, places, config(a="ann", a2="ann"))
    assert len(running) == limits.HOOK_POOL_OF_OWNER
    assert ("a2", "m") in names(running)


@pytest.mark.parametrize("concurrency", [0, 1], ids=["the owner has all places", "the first hook has its one"])
def test_a_look_costs_the_same_whatever_waits(db, concurrency):
    add(db, *(("a", hook, f"m{number}") for number in range(MAILS) for hook in ("a1", "a2")), ("b", "b1", "late"))
    places, settings = Places(), config(concurrency, a="ann", b="bob")
    rows = []
    assert steps(db, lambda: rows.extend(places.choice(settings).chosen(db))) < STEPS
    assert ("b1", "late") in names(rows)
    for row in rows:
        places.take(row)
    assert steps(db, lambda: places.choice(settings).chosen(db)) < STEPS
    assert steps(db, lambda: db.execute("SELECT count(*) FROM jobs WHERE +state = 'pending'").fetchone()) > STEPS


def test_what_waits_is_counted_by_mailbox(db):
    add(db, ("a", "a1", "m"), ("a", "a2", "m"), ("b", "b1", "m"))
    add(db, ("a", "a1", "n"), state="started")
    add(db, ("c", "c1", "n"), state="held")
    found = {name: (jobs.pending, jobs.running, jobs.held) for name, jobs in backlog(db).jobs.items()}
    assert found == {"a": (2, 1, 0), "b": (1, 0, 0), "c": (0, 0, 1)}
