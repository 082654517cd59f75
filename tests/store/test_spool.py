"""Copies that an owner's directory refused: kept, told once, delivered in order when it is repaired."""

import os
import tomllib

import pytest

from aimx.errors import Failed
from aimx.model.delivery import File, HookJob
from aimx.model.event import Received
from aimx.store import spool as spooling
from tests.store.parts import copy, opened, plan, retry, rows, tree_of

STEM = "2025-03-14-150926-hello"
ATTACHED = (File("a.txt", b"one"), File("notes.md", b'+++\nid = "notes"\nmailbox = "dev"\n+++\n'))


@pytest.fixture
def box(store, tmp_path):
    """The mailbox `ops`, unusable; `repair` makes it usable."""
    path = tmp_path / "data/inbox/ops"
    path.rmdir()
    path.symlink_to("/etc")
    return path


def _repair(box):
    box.unlink()
    box.mkdir(0o700)


def test_what_waited_arrives_with_its_hooks_and_its_event(store, box, tmp_path):
    job = HookJob("h", "ops", "on_receive", {"A": "b"}, "c")
    store.committer.commit(plan(copy(files=ATTACHED, jobs=(job,))))
    assert rows(store, "jobs") == 0
    assert retry(store) == []
    _repair(box)
    ((_, event),) = retry(store)
    assert isinstance(event, Received)
    assert (event.mailbox, event.id, event.owner_uid) == ("ops", STEM, os.geteuid())
    assert tree_of(box) == [STEM, f"{STEM}/{STEM}.md", f"{STEM}/a.txt", f"{STEM}/notes.md"]
    assert store.state.run(lambda db: db.execute("SELECT state, hook, path FROM jobs").fetchall()) == [
        ("pending", "h", str(box / STEM / f"{STEM}.md"))
    ]
    assert (rows(store, "spool"), os.listdir(tmp_path / "data/.aimx/spool")) == (0, [])
    assert retry(store) == []


def test_order_is_kept(store, box):
    for name in ("c", "a", "b"):
        store.committer.commit(plan(copy(stem=name)))
    _repair(box)
    assert [event.id for _, event in retry(store)] == ["c", "a", "b"]


def test_a_name_taken_meanwhile_gets_a_number(store, box):
    store.committer.commit(plan())
    store.committer.commit(plan(copy(files=ATTACHED)))
    _repair(box)
    store.committer.commit(plan())
    assert [event.id for _, event in retry(store)] == [f"{STEM}-2", f"{STEM}-3"]
    for name in (f"{STEM}-2.md", f"{STEM}-3/{STEM}-3.md"):
        head = tomllib.loads((box / name).read_text().split("+++\n")[1])
        assert name.endswith(f"{head['id']}.md")


def test_one_mailbox_waits_without_the_other(store, box, tmp_path):
    other = tmp_path / "data/inbox/dev"
    other.rmdir()
    other.symlink_to("/etc")
    store.committer.commit(plan(copy(), copy(mailbox="dev")))
    _repair(other)
    assert [event.mailbox for _, event in retry(store)] == ["dev"]
    _repair(box)
    assert [event.mailbox for _, event in retry(store)] == ["ops"]


def test_a_mailbox_that_left_the_configuration_keeps_its_mail(store, box, told):
    store.committer.commit(plan())
    assert retry(store, {}) == []
    assert retry(store, {}) == []
    reasons = store.state.run(lambda db: [row[0] for row in db.execute("SELECT reason FROM spool")])
    assert reasons == [spooling.REMOVED]
    assert told.getvalue().count("event=still-spooled") == 1
    _repair(box)
    assert len(retry(store)) == 1


def test_a_restart_delivers_what_waits(tmp_path):
    first = opened(tmp_path)
    path = tmp_path / "data/inbox/ops"
    path.rmdir()
    path.symlink_to("/etc")
    first.committer.commit(plan())
    first.close()
    _repair(path)
    second = opened(tmp_path)
    assert [event.id for _, event in retry(second)] == [STEM]
    second.close()


def test_a_crash_between_rename_and_row_is_finished(store, box, tmp_path, monkeypatch):
    store.committer.commit(plan())
    _repair(box)
    with monkeypatch.context() as crash:
        crash.setattr(spooling.ledger, "settle_copy", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            retry(store)
    assert tree_of(box) == [f"{STEM}.md"]
    assert rows(store, "spool") == 1
    assert [event.id for _, event in retry(store)] == [STEM]
    assert rows(store, "spool") == 0


@pytest.mark.parametrize("files", [(), ATTACHED], ids=["flat", "bundle"])
def test_losing_the_database_loses_no_mail(tmp_path, files):
    first = opened(tmp_path)
    path = tmp_path / "data/inbox/ops"
    path.rmdir()
    path.symlink_to("/etc")
    first.committer.commit(plan(copy(files=files)))
    first.close()
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        (tmp_path / "data/.aimx" / name).unlink(missing_ok=True)
    (tmp_path / "data/.aimx/spool/what is this").write_text("?")
    _repair(path)
    second = opened(tmp_path)
    assert [(event.mailbox, event.id) for _, event in retry(second)] == [("ops", STEM)]
    assert tree_of(path) == (
        [STEM, f"{STEM}/{STEM}.md", f"{STEM}/a.txt", f"{STEM}/notes.md"] if files else [f"{STEM}.md"]
    )
    assert os.listdir(tmp_path / "data/.aimx/spool") == ["what is this"]
    second.close()


@pytest.mark.root
@pytest.mark.parametrize(
    ("spoil", "remedy"),
    [
        (lambda data: os.chmod(data, 0o777), "chmod go-w"),
        (lambda data: os.chmod(data / "inbox", 0o775), "chmod go-w"),
        (lambda data: os.chown(data / "sent", 12345, 0), "chown root:root"),
        (lambda data: os.chown(data / ".aimx", 12345, 0), "chown root:root"),
    ],
    ids=["data dir", "inbox", "sent", "private"],
)
def test_a_parent_that_others_can_change_is_refused(tmp_path, spoil, remedy):
    opened(tmp_path).close()
    spoil(tmp_path / "data")
    with pytest.raises(Failed, match=remedy):
        opened(tmp_path)


@pytest.mark.parametrize("whose", ["root", pytest.param("stranger", marks=pytest.mark.root)])
def test_a_data_directory_behind_a_link(tmp_path, whose):
    (tmp_path / "disk").mkdir(mode=0o755)
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    if whose == "stranger":
        os.chown(tmp_path / "data", 12345, 12345, follow_symlinks=False)
        with pytest.raises(Failed, match="chown --no-dereference"):
            opened(tmp_path)
        return
    store = opened(tmp_path)
    (outcome,) = store.committer.commit(plan()).outcomes
    assert outcome.path == f"{tmp_path}/data/inbox/ops/{STEM}.md"
    assert (tmp_path / "disk/inbox/ops" / f"{STEM}.md").is_file()
    store.close()


def test_parents_that_owners_could_not_pass_are_opened(tmp_path):
    before = os.umask(0o077)
    try:
        opened(tmp_path).close()
    finally:
        os.umask(before)
    os.chmod(tmp_path / "data/inbox", 0o700)
    opened(tmp_path).close()
    modes = [(tmp_path / "data" / name).stat().st_mode & 0o7777 for name in ("inbox", "sent", ".aimx", ".aimx/spool")]
    assert modes == [0o755, 0o755, 0o700, 0o700]


def test_directories_of_all_mailboxes_are_made_at_start(tmp_path):
    store = opened(tmp_path, "dev")
    assert tree_of(tmp_path / "data/inbox") == tree_of(tmp_path / "data/sent") == ["dev", "ops"]
    store.close()
