"""state.db: durable units that share transactions, refusals that say how to go on."""

import sqlite3
import threading

import pytest

from aimx.errors import StorageFailed
from aimx.store import ledger, schema
from aimx.store.state import State


@pytest.fixture
def state(tmp_path):
    opened = State(str(tmp_path / "state.db"))
    yield opened
    opened.close()


def _note(name):
    return lambda db: db.execute("INSERT INTO meta VALUES (?, 'x')", (name,)).rowcount


def _notes(state):
    return state.run(lambda db: {row[0] for row in db.execute("SELECT key FROM meta WHERE value = 'x'")})


def test_threads_that_wait_share_one_transaction(state, monkeypatch):
    transactions = []
    first, go_on = threading.Event(), threading.Event()
    real = state._commit

    def commit(units):
        transactions.append(len(units))
        if len(transactions) == 1:
            first.set()
            assert go_on.wait(10)
        real(units)

    monkeypatch.setattr(state, "_commit", commit)
    threads = [threading.Thread(target=state.run, args=(_note(f"n{number}"),)) for number in range(40)]
    threads[0].start()
    assert first.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(state._waiting) < 39:
        threading.Event().wait(0.001)
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert transactions == [1, 39]
    assert len(_notes(state)) == 40


def test_a_unit_that_fails_undoes_only_itself(state):
    def bad(db):
        _note("lost")(db)
        raise KeyError("mine")

    with pytest.raises(KeyError):
        state.run(bad)
    assert state.run(_note("kept")) == 1
    assert _notes(state) == {"kept"}


def test_broken_sql_is_a_storage_failure(state):
    with pytest.raises(StorageFailed):
        state.run(lambda db: db.execute("SELECT * FROM nowhere"))
    assert state.run(_note("after")) == 1


def test_posted_work_rides_with_the_next_transaction(state):
    state.post(_note("posted"))
    assert _notes(state) == {"posted"}


def test_posted_work_is_not_lost_at_close(tmp_path):
    state = State(str(tmp_path / "state.db"))
    state.post(_note("posted"))
    state.close()
    again = State(str(tmp_path / "state.db"))
    assert _notes(again) == {"posted"}
    again.close()


def test_nobody_else_reads_it(tmp_path, state):
    state.run(_note("x"))
    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "state.db": 0o600,
        "state.db-wal": 0o600,
        "state.db-shm": 0o600,
    }


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b"not a database" * 1000),
        lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192 + path.read_bytes()[12288:]),
        lambda path: path.write_bytes(path.read_bytes()[:5000]),
        lambda path: (path.unlink(), path.mkdir()),
        lambda path: (path.unlink(), path.symlink_to("/etc/passwd")),
    ],
    ids=["rubbish", "torn pages", "cut short", "a directory", "a symlink"],
)
def test_damage_is_named_with_what_to_do(tmp_path, damage):
    path = tmp_path / "state.db"
    State(str(path)).close()
    damage(path)
    with pytest.raises(StorageFailed) as told:
        State(str(path))
    assert schema.LOSS in told.value.reason
    assert f"mv {path} {path}.damaged" in told.value.reason
    assert "\n" not in told.value.reason


def test_another_version_is_refused(tmp_path):
    path = tmp_path / "state.db"
    State(str(path)).close()
    with sqlite3.connect(path) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    db.close()
    with pytest.raises(StorageFailed, match="schema version 99"):
        State(str(path))


def test_old_rows_are_pruned_and_open_jobs_never(state, monkeypatch):
    monkeypatch.setattr("aimx.limits.RUNS_KEPT", 2)
    monkeypatch.setattr("aimx.limits.EVENTS_KEPT", 3)

    def fill(db):
        for number in range(10):
            status = "pending" if number == 0 else "started" if number == 1 else "done"
            waited = number == 2  # so long that it is old, but not its run, which a budget counts
            db.execute(
                "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation,"
                " created, ended) VALUES (?, '', '', '', '', '', '', 0, x'', '', ?, ?)",
                (status, 0.0 if number < 9 else 1e9, 1e9 if waited else None),
            )
            db.execute("INSERT INTO events (at, event) VALUES (0, '')")
        ledger.note_unseen(db, ((b"old", "ops", 0.0), (b"new", "ops", 1e9), (b"ahead", "ops", 2e9)))

    state.run(fill)
    state.run(lambda db: ledger.prune(db, 1e9 + 1, 0.0))
    left = state.run(lambda db: [row[0] for row in db.execute("SELECT id FROM jobs ORDER BY id")])
    assert left == [1, 2, 3, 9, 10]
    assert state.run(lambda db: [row[0] for row in db.execute("SELECT seq FROM events")]) == [8, 9, 10]
    assert state.run(lambda db: db.execute("SELECT count(*) FROM repeats").fetchone()) == (1,)
    assert state.run(lambda db: ledger.repeats(db, 1e9)) == [(b"new", "ops", 1e9)]
