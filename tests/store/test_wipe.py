"""Wiping a mailbox: taken whole, put back whole, settled once; and erased whatever its owner has built there."""

import os
import stat
import threading

import pytest

from aimx.effects import files
from aimx.errors import DirectoryConflict
from aimx.model.event import MailboxDeleted
from aimx.store import erase, wipe
from aimx.store.erase import Eraser
from aimx.store.wipe import Wiper
from tests.store.parts import copy, opened, plan, rows, tree_of

HERE = frozenset({"ops", "dev"})


@pytest.fixture
def parts(tmp_path):
    made = opened(tmp_path, "dev")
    for stem in ("2025-03-14-150926-one", "2025-03-14-150926-two"):
        made.committer.commit(plan(copy(stem)))
    yield made
    made.close()


def _deleted(mailbox: str = "ops") -> MailboxDeleted:
    return MailboxDeleted(at=1.0, mailbox=mailbox, owner_uid=os.geteuid())


def _take(parts, mailbox: str = "ops") -> str:
    return Wiper(parts.committer).take(mailbox, os.geteuid(), foreign=False)


def _events(parts, kind: str) -> int:
    query = "SELECT count(*) FROM events WHERE event LIKE ?"
    return parts.state.run(lambda db: db.execute(query, (f'%"type":"{kind}"%',)).fetchone()[0])


def test_what_is_taken_leaves_empty_directories_of_the_same_owner(parts, tmp_path):
    before = (tmp_path / "data/inbox/ops").stat()
    _take(parts)
    after = (tmp_path / "data/inbox/ops").stat()
    assert tree_of(tmp_path / "data/inbox") == ["dev", "ops"]
    assert (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode)) == (before.st_uid, before.st_gid, 0o700)
    assert after.st_ino != before.st_ino


def test_what_is_put_back_is_what_was_taken(parts, tmp_path):
    inode = (tmp_path / "data/inbox/ops").stat().st_ino
    before = tree_of(tmp_path / "data")
    Wiper(parts.committer).restore(_take(parts))
    assert tree_of(tmp_path / "data") == before
    assert (tmp_path / "data/inbox/ops").stat().st_ino == inode


def test_what_an_owner_adds_meanwhile_is_kept(parts, tmp_path):
    token = _take(parts)
    (tmp_path / "data/inbox/ops/mine.txt").write_text("x")
    Wiper(parts.committer).restore(token)
    assert "mine.txt" in tree_of(tmp_path / "data/inbox/ops")
    assert len(tree_of(tmp_path / "data/inbox/ops")) == 3
    assert tree_of(tmp_path / "data/.aimx/wiped") == []


def test_settled_it_is_gone_with_its_event(parts, tmp_path):
    Wiper(parts.committer).settle(_take(parts), _deleted())
    Eraser(parts.committer.tree).sweep()
    assert tree_of(tmp_path / "data/.aimx/wiped") == []
    assert tree_of(tmp_path / "data/inbox") == ["dev", "ops"]
    assert _events(parts, "mailbox_deleted") == 1


def test_a_mailbox_without_directories_has_nothing_to_take(parts, tmp_path):
    (tmp_path / "data/sent/dev").rmdir()
    (tmp_path / "data/inbox/dev").rmdir()
    Wiper(parts.committer).settle(_take(parts, "dev"), _deleted("dev"))
    assert tree_of(tmp_path / "data/inbox") == ["ops", *tree_of(tmp_path / "data/inbox")[1:]]


def test_a_name_that_is_no_directory_is_refused_and_nothing_is_taken(parts, tmp_path):
    (tmp_path / "data/sent/ops").rmdir()
    (tmp_path / "data/sent/ops").symlink_to("/etc")
    before = tree_of(tmp_path / "data")
    with pytest.raises(DirectoryConflict, match="is not a directory"):
        _take(parts)
    assert tree_of(tmp_path / "data") == before


def test_waiting_copies_and_runs_of_it_are_given_up(parts, tmp_path):
    (tmp_path / "data/inbox/ops").rename(tmp_path / "elsewhere")
    (tmp_path / "data/inbox/ops").write_text("squatted")
    parts.committer.commit(plan(copy("2025-03-14-150926-three")))
    (tmp_path / "data/inbox/ops").unlink()
    assert rows(parts, "spool") == 1
    insert = (
        "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation, created)"
        " VALUES ('pending', 'h', 'ops', 'on_receive', 'inbox', 'x', '', 1, x'80', '', 1.0)"
    )
    parts.state.run(lambda db: db.execute(insert))
    Wiper(parts.committer).settle(_take(parts), _deleted())
    assert rows(parts, "spool") == 0
    assert tree_of(tmp_path / "data/.aimx/spool") == []
    assert parts.state.run(lambda db: db.execute("SELECT state, reason FROM jobs").fetchall()) == [
        ("skipped", "mailbox-deleted")
    ]
    assert _events(parts, "hook_skipped") == 1


@pytest.mark.parametrize("configured", [True, False], ids=["still-configured", "no-longer"])
def test_after_a_crash_the_configuration_decides(parts, tmp_path, configured):
    inode = (tmp_path / "data/inbox/ops").stat().st_ino
    _take(parts)
    wiper = Wiper(parts.committer)
    for _ in range(2):
        wiper.recover(HERE if configured else HERE - {"ops"})
    assert ((tmp_path / "data/inbox/ops").stat().st_ino == inode) == configured
    assert len(tree_of(tmp_path / "data/inbox/ops")) == (2 if configured else 0)
    Eraser(parts.committer.tree).sweep()
    assert tree_of(tmp_path / "data/.aimx/wiped") == []
    assert _events(parts, "mailbox_deleted") == (0 if configured else 1)


def test_settled_twice_it_is_told_once(parts):
    token = _take(parts)
    wiper = Wiper(parts.committer)
    wiper.settle(token, _deleted())
    os.rename(
        f"{wipe.GONE}{token}", token, src_dir_fd=parts.committer.tree.wiped, dst_dir_fd=parts.committer.tree.wiped
    )
    wiper.recover(frozenset())
    assert _events(parts, "mailbox_deleted") == 1


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]"], ids=["missing", "empty", "cut", "other"])
def test_a_crash_before_anything_was_taken_leaves_nothing(parts, tmp_path, content):
    home = tmp_path / "data/.aimx/wiped/1-1"
    home.mkdir()
    if content is not None:
        (home / "about").write_bytes(content)
    Wiper(parts.committer).recover(HERE)
    assert tree_of(tmp_path / "data/.aimx/wiped") == []
    assert len(tree_of(tmp_path / "data/inbox/ops")) == 2


def _deep(fd: int, depth: int) -> None:
    for _ in range(depth):
        os.mkdir("d", dir_fd=fd)
        os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        down = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = down
    os.close(fd)


def test_no_depth_no_breadth_and_no_odd_entry_stops_it(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(erase.limits, "ERASE_BREADTH", 7)
    box, outside = tmp_path / "data/inbox/ops", tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("x")
    _deep(os.open(box, os.O_RDONLY), 2000)
    for number in range(50):
        (box / f"wide{number}").mkdir()
        (box / f"wide{number}/f").write_text("x")
    os.mkfifo(box / "fifo")
    (box / "link").symlink_to(outside)
    (box / "wide1/link").symlink_to(outside)
    os.link(outside / "kept", box / "hard")
    (box / "closed").mkdir(mode=0)
    Wiper(parts.committer).settle(_take(parts), _deleted())
    descriptors = len(os.listdir("/proc/self/fd"))
    Eraser(parts.committer.tree).sweep()
    assert os.listdir(tmp_path / "data/.aimx/wiped") == []
    assert (outside / "kept").read_text() == "x"
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_told_to_stop_it_stops_and_the_next_one_goes_on(parts, tmp_path):
    for number in range(20):
        (tmp_path / f"data/inbox/ops/{number}").mkdir()
    Wiper(parts.committer).settle(_take(parts), _deleted())
    stopped = Eraser(parts.committer.tree)
    stopped.stop.set()
    stopped.sweep()
    assert len(os.listdir(tmp_path / "data/.aimx/wiped")) == 1
    Eraser(parts.committer.tree).sweep()
    assert os.listdir(tmp_path / "data/.aimx/wiped") == []


def test_somebody_who_goes_on_adding_to_it_does_not_keep_it(parts, tmp_path):
    held = os.open(tmp_path / "data/inbox/ops", os.O_RDONLY)
    Wiper(parts.committer).settle(_take(parts), _deleted())
    stop = threading.Event()

    def add():
        while not stop.is_set():
            try:
                files.write_new(held, f"n{threading.get_ident()}-{os.urandom(4).hex()}", b"x", 0o600)
            except OSError:
                return  # its directory is gone

    adding = threading.Thread(target=add)
    adding.start()
    eraser = Eraser(parts.committer.tree)
    for _ in range(50):
        eraser.sweep()
        if not os.listdir(tmp_path / "data/.aimx/wiped"):
            break
    stop.set()
    adding.join(60)
    eraser.sweep()
    os.close(held)
    assert os.listdir(tmp_path / "data/.aimx/wiped") == []
