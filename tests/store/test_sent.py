"""A send in the store: pending, then its outcome; whatever happens to the record, the outcome is told."""

import os
from pathlib import Path

import pytest

from aimx.config.load import load
from aimx.daemon.storage import open_storage
from aimx.effects import files
from aimx.errors import StorageFailed
from aimx.model.delivery import CommitPlan, Conclusion, Copy, File, HookJob
from aimx.store import group, jobs, lines
from aimx.store.conclude import Concluder
from tests.harness import owner
from tests.store.library import indexed
from tests.store.parts import AT, opened, rows, tree_of

STEM = "2025-03-14-150926-hello"
SHAPES = {"flat": (), "bundle": (File("a.txt", b"attached"),)}
JOBS = tuple(HookJob(name, "ops", "after_send", {"AIMX_SEND_STATUS": "x"}, "") for name in ("one", "two"))


def _document(status):
    return f'+++\nid = "{STEM}"\noutbound = true\ndelivery_status = "{status}"\n+++\n\n'.encode()


def begin(store, attached=()):
    """A pending record."""
    summary = {"from": "ops@agent.test", "to": "b@x.test", "subject": "Hello", "status": "pending"}
    pending = Copy("ops", "sent", owner(), STEM, _document("pending"), attached, summary=summary, body=b"Hi.\n")
    return store.committer.commit(CommitPlan((pending,), AT, may_spool=False)).outcomes[0]


def end(store, placed, status, concluder=None):
    """Its outcome. Returns: ids of held jobs, events."""
    document = _document(status) if status != "deferred" else None
    summary = {"to": "b@x.test", "subject": "Hello", "message_id": "1@agent.test"}
    done = Conclusion(placed, document, b"Hi.\n", JOBS, AT + 1, status, summary)
    return group.run(store.state, (concluder or Concluder(store.committer)).steps(done))


def _jobs(store):
    query = "SELECT hook, state, folder, email_id, path FROM jobs ORDER BY id"
    return store.state.run(lambda db: db.execute(query).fetchall())


def _box(tmp_path):
    return tmp_path / "data/sent/ops"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("status", ["delivered", "failed", "pending", "deferred"])
def test_record_index_event_and_held_hooks_follow_the_outcome(store, tmp_path, shape, status):
    placed = begin(store, SHAPES[shape])
    (row,) = indexed(store, "sent")
    assert (row["status"], row["ino"]) == ("pending", os.stat(placed.path).st_ino)
    assert rows(store, "events") == 0
    held, ((seq, event),) = end(store, placed, status)
    told = indexed(store, "sent")
    email_id, path = ("", "") if status == "deferred" else (STEM, placed.path)
    if status == "deferred":
        assert (tree_of(_box(tmp_path)), told) == ([], [])
    else:
        assert f'delivery_status = "{status}"' in Path(path).read_text()
        assert (told[0]["status"], told[0]["ino"]) == (status, os.stat(path).st_ino)
    assert (seq, event.status, event.id, event.to, event.subject) == (1, status, email_id, "b@x.test", "Hello")
    assert len(held) == 2
    assert _jobs(store) == [(name, "held", "sent", email_id, path) for name in ("one", "two")]
    assert store.state.run(lambda db: jobs.pending(db)) == []
    group.run(store.state, store.committer.release(held))
    assert [row.hook for row in store.state.run(lambda db: jobs.pending(db))] == ["one", "two"]
    assert tree_of(tmp_path / "data/.aimx/staging") == []


def test_jobs_of_sends_without_a_record_are_of_different_mails(store):
    for _ in range(2):
        held, _ = end(store, begin(store), "deferred")
        group.run(store.state, store.committer.release(held))
    found = store.state.run(lambda db: jobs.pending(db))
    assert [row.mail == found[0].mail for row in found] == [True, True, False, False]
    one, two = store.state.run(lines.lines)
    assert store.state.run(lambda db: lines.turn(db, one, {found[0].mail}).id) == found[2].id
    assert store.state.run(lambda db: lines.turn(db, two, set())) is None


@pytest.mark.parametrize("status", ["delivered", "deferred"])
def test_a_record_that_its_owner_changed_stays_and_the_hooks_run(store, tmp_path, told, status):
    placed = begin(store)
    record = _box(tmp_path) / f"{STEM}.md"
    record.unlink()
    record.write_text("mine")
    held, ((_, event),) = end(store, placed, status)
    assert record.read_text() == "mine"
    assert (len(held), event.status) == (2, status)
    assert {path for *_, path in _jobs(store)} == {""}
    assert "event=record-not-settled" in told.getvalue()


@pytest.mark.parametrize("status", ["delivered", "deferred"])
@pytest.mark.parametrize("call", ["write_new", "rename_exchange", "rename_noreplace", "fsync"])
def test_a_failure_of_ours_leaves_a_record_and_tells_the_outcome(store, tmp_path, told, monkeypatch, call, status):
    placed = begin(store)

    def broken(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os if call == "fsync" else files, call, broken)
    held, ((_, event),) = end(store, placed, status)
    monkeypatch.undo()
    touched = call in ("fsync", "write_new" if status == "delivered" else "", "rename_exchange" if status == "delivered"
                       else "rename_noreplace")  # fmt: skip
    assert ("event=record-not-settled" in told.getvalue()) == touched
    assert (len(held), event.status) == (2, status)
    if touched and call != "fsync":
        assert 'delivery_status = "pending"' in (_box(tmp_path) / f"{STEM}.md").read_text()
    assert tree_of(tmp_path / "data/.aimx/staging") == []


def test_a_database_that_cannot_be_written_delays_hooks_and_not_the_record(store, tmp_path, told, monkeypatch):
    placed = begin(store)
    concluder = Concluder(store.committer)

    def broken(_):
        return [(None, StorageFailed("state.db cannot be written", detail="full"))]

    monkeypatch.setattr(store.state, "run_all", broken)
    assert end(store, placed, "delivered", concluder) == ((), [])
    assert group.run(store.state, concluder.again()) == ((), [])
    monkeypatch.undo()
    assert 'delivery_status = "delivered"' in (_box(tmp_path) / f"{STEM}.md").read_text()
    assert "event=outcome-not-recorded" in told.getvalue()
    held, events = group.run(store.state, concluder.again())
    assert len(held) == 2
    assert [(event.id, event.status) for _, event in events] == [(STEM, "delivered")]
    path = str(_box(tmp_path) / f"{STEM}.md")
    assert _jobs(store) == [(name, "held", "sent", STEM, path) for name in ("one", "two")]
    assert group.run(store.state, concluder.again()) == ((), [])


def _link(box):
    box.rename(box.parent / "aside")
    box.symlink_to("aside")


def _file(box):
    box.rmdir()
    box.write_text("")


@pytest.mark.parametrize("doing", [_link, _file])
def test_a_directory_that_takes_no_record_refuses_the_send(store, tmp_path, doing):
    doing(_box(tmp_path))
    with pytest.raises(StorageFailed, match="the record cannot be written: sent/ops"):
        begin(store, SHAPES["bundle"])
    for place in ("staging", "spool"):
        assert tree_of(tmp_path / "data/.aimx" / place) == []
    assert (rows(store, "intents"), rows(store, "spool"), rows(store, "events")) == (0, 0, 0)


def test_what_a_crash_left_of_a_refused_record_is_dropped(tmp_path, monkeypatch):
    store = opened(tmp_path)
    monkeypatch.setattr(store.committer, "_undo", lambda *_: None)  # as if there had been no time for it
    _link(_box(tmp_path))
    with pytest.raises(StorageFailed):
        begin(store)
    assert (rows(store, "intents"), len(tree_of(tmp_path / "data/.aimx/staging"))) == (1, 1)
    store.close()
    again = open_storage(load(tmp_path / "config.toml", tmp_path / "data"))
    try:
        assert (rows(again, "intents"), rows(again, "spool")) == (0, 0)
        for place in ("staging", "spool"):
            assert tree_of(tmp_path / "data/.aimx" / place) == []
    finally:
        again.close()


def test_a_record_that_could_not_be_settled_is_settled_later(store, tmp_path, told, monkeypatch):
    placed = begin(store)

    def full(*_):
        raise OSError(28, "No space left on device")

    concluder = Concluder(store.committer)
    done = Conclusion(placed, _document("delivered"), b"Hi.\n", (), AT, "delivered")
    with monkeypatch.context() as disk:
        disk.setattr(files, "write_new", full)
        group.run(store.state, concluder.steps(done))
        group.run(store.state, concluder.again())
    assert 'delivery_status = "pending"' in (_box(tmp_path) / f"{STEM}.md").read_text()
    assert "event=record-settled" not in told.getvalue()
    group.run(store.state, concluder.again())
    assert 'delivery_status = "delivered"' in (_box(tmp_path) / f"{STEM}.md").read_text()
    assert told.getvalue().count("event=record-settled") == 1
    group.run(store.state, concluder.again())
    assert told.getvalue().count("event=record-settled") == 1
