"""A published message is replaced or removed only if it is still the one that was meant; nothing else is touched."""

import contextlib
import os
import subprocess

import pytest

from aimx.effects import files
from aimx.model.delivery import File
from aimx.store import group
from aimx.store.replace import CHANGED, Replacer
from tests.store.parts import copy, plan, tree_of

NEW = b"+++\nnew = true\n+++\n\nnew\n"
SHAPES = {"flat": (), "bundle": (File("a.txt", b"attached"), File("b.txt", b"too"))}


class Stage:
    """One published message and what changes it."""

    def __init__(self, store, tmp_path, shape):
        self.store = store
        (placed,) = store.committer.commit(plan(copy(files=SHAPES[shape]))).outcomes
        self.ref = placed.ref
        self.box = tmp_path / "data/inbox/ops"
        self.entry = self.box / self.ref.entry
        self.path = self.box / self.ref.id / self.ref.file if self.ref.bundle else self.entry
        self.staging = tmp_path / "data/.aimx/staging"
        self.replacer = Replacer(store.committer.tree, store.committer.publisher.litter)

    def replace(self):
        return group.run(self.store.state, self.replacer.replace(self.ref, NEW[:10], NEW[10:]))

    def remove(self):
        return group.run(self.store.state, self.replacer.remove(self.ref))


@pytest.fixture(params=SHAPES)
def stage(request, store, tmp_path):
    stage = Stage(store, tmp_path, request.param)
    before = len(os.listdir("/proc/self/fd"))
    yield stage
    assert tree_of(stage.staging) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_message_file_is_another_version(stage):
    beside = tree_of(stage.box)
    mark = stage.replace()
    status = stage.path.stat()
    assert stage.path.read_bytes() == NEW
    assert (mark.ino, mark.size, mark.mtime_ns) == (status.st_ino, len(NEW), status.st_mtime_ns)
    assert (status.st_mode & 0o7777, status.st_nlink) == (0o644, 1)
    assert tree_of(stage.box) == beside


def test_what_was_replaced_once_is_another_message(stage):
    stage.replace()
    assert stage.replace() == CHANGED
    assert stage.remove() == CHANGED
    assert stage.path.read_bytes() == NEW


def test_a_message_is_removed_whole(stage):
    assert stage.remove() == ""
    assert tree_of(stage.box) == []
    assert stage.remove() == CHANGED
    assert stage.replace() == CHANGED


def _other_file(stage):
    stage.path.rename(stage.box / "mine")
    stage.path.write_text("theirs")


def _rewritten(stage):
    stage.path.chmod(0o600)
    stage.path.write_text("theirs")


def _link(stage):
    stage.path.rename(stage.box / "mine")
    stage.path.symlink_to(stage.box / "mine")


def _directory(stage):
    stage.path.unlink()
    stage.path.mkdir()
    (stage.path / "kept").write_text("theirs")


def _fifo(stage):
    stage.path.unlink()
    os.mkfifo(stage.path)


def _elsewhere(stage):
    stage.entry.rename(stage.box / "moved")


def _entry_is_a_link(stage):
    stage.entry.rename(stage.box / "moved")
    stage.entry.symlink_to("moved")


DOINGS = {
    "another file": _other_file,
    "rewritten in place": _rewritten,
    "link to the very file": _link,
    "directory": _directory,
    "fifo": _fifo,
    "moved away": _elsewhere,
    "moved, and a link left": _entry_is_a_link,
}


def _picture(box):
    return [
        (str(path), path.lstat().st_ino, path.read_bytes() if path.is_file() else None)
        for path in sorted(box.rglob("*"))
    ]


@pytest.mark.parametrize("change", ["replace", "remove"])
@pytest.mark.parametrize("doing", DOINGS)
def test_what_the_owner_did_stays_as_it_is(stage, doing, change):
    DOINGS[doing](stage)
    before = _picture(stage.box)
    assert getattr(stage, change)() == CHANGED
    assert _picture(stage.box) == before


@pytest.mark.parametrize("change", ["replace", "remove"])
@pytest.mark.parametrize("doing", DOINGS)
def test_the_same_between_look_and_exchange(stage, doing, change, monkeypatch):
    """The owner is faster than we: what came out of the exchange is not what we looked at."""
    before = []

    def faster(call):
        def changed(*arguments):
            if not before:
                DOINGS[doing](stage)
                before.extend(_picture(stage.box))
            call(*arguments)

        return changed

    for name in ("rename_exchange", "rename_noreplace"):
        monkeypatch.setattr(files, name, faster(getattr(files, name)))
    found = getattr(stage, change)()
    if stage.ref.bundle and change == "replace" and "moved" in doing:  # inside, nothing has changed
        assert (stage.box / "moved" / stage.ref.file).read_bytes() == NEW
        return
    assert found == CHANGED
    assert _picture(stage.box) == before


def test_an_editor_that_has_the_file_open_goes_on_writing_into_it(stage):
    steps = stage.replacer.replace(stage.ref, NEW)
    with stage.path.open("ab") as editor:
        assert isinstance(next(steps), group.Sync)
        assert stage.path.read_bytes() == NEW
        editor.write(b"more of theirs\n")
    assert isinstance(next(steps), group.Sync)
    with pytest.raises(StopIteration) as end:
        next(steps)
    assert end.value.value == CHANGED
    assert stage.path.read_bytes().endswith(b"Hi.\nmore of theirs\n")


def test_a_file_added_to_a_bundle_is_not_thrown_away_with_it(store, tmp_path):
    stage = Stage(store, tmp_path, "bundle")
    (stage.entry / "notes").write_text("theirs")
    before = _picture(stage.box)
    assert stage.remove() == CHANGED
    assert _picture(stage.box) == before


def test_an_attachment_that_its_owner_deleted_does_not_matter(store, tmp_path):
    stage = Stage(store, tmp_path, "bundle")
    (stage.entry / "a.txt").unlink()
    assert stage.remove() == ""


@pytest.mark.parametrize("doing", ["vanish", "swap again"])
def test_an_owner_who_never_stops_loses_nothing(store, tmp_path, monkeypatch, doing):
    """While we give back what came out, the name changes hands once more."""
    stage = Stage(store, tmp_path, "flat")
    rounds = []
    exchange = files.rename_exchange

    def faster(*arguments):
        rounds.append(len(rounds))
        with contextlib.suppress(FileNotFoundError):
            stage.path.rename(stage.box / f"aside{len(rounds)}")
        if len(rounds) == 1 or doing == "swap again":
            stage.path.write_text(f"theirs {len(rounds)}")
        exchange(*arguments)

    monkeypatch.setattr(files, "rename_exchange", faster)
    assert stage.replace() == CHANGED
    kept = {path.read_text() for path in stage.box.iterdir()}
    assert {f"theirs {n}" for n in ((1, 2) if doing == "swap again" else (1,))} <= kept
    assert tree_of(stage.staging) == []


@pytest.mark.parametrize("change", ["replace", "remove"])
def test_a_mailbox_that_cannot_be_written_is_left_alone(stage, change):
    aside = stage.box.parent / "aside"
    stage.box.rename(aside)
    stage.box.symlink_to(aside)
    before = _picture(aside)
    assert "inbox/ops" in getattr(stage, change)()
    assert _picture(aside) == before


@pytest.mark.root
@pytest.mark.parametrize("change", ["replace", "remove"])
def test_a_mount_over_the_message_is_left_alone(stage, change):
    mine = stage.box.parent / "mine"
    mine.write_text("mounted")
    subprocess.run(["mount", "--bind", str(mine), str(stage.path)], check=True)
    try:
        assert isinstance(getattr(stage, change)(), str)
        assert stage.path.read_text() == "mounted"
    finally:
        subprocess.run(["umount", str(stage.path)], check=True)
    assert stage.path.read_bytes().startswith(b"+++")
