"""Files through descriptors: shared directory syncs, removal of hostile trees, directories made whole."""

import os
import subprocess
import sys
import threading

import pytest

from aimx.effects import files, linux


@pytest.fixture
def home(tmp_path):
    fd = files.open_directory(str(tmp_path))
    yield fd
    os.close(fd)


class Counted:
    """fsync that counts, and that holds the first call until told."""

    def __init__(self, monkeypatch, fail=0):
        self.calls = 0
        self.first, self.go_on = threading.Event(), threading.Event()
        self.fail = fail
        self._real = os.fsync
        monkeypatch.setattr(files.os, "fsync", self)

    def __call__(self, fd):
        self.calls += 1
        if self.calls == 1:
            self.first.set()
            assert self.go_on.wait(10)
        if self.calls == self.fail:
            raise OSError(5, "injected")
        self._real(fd)


def _sync_together(home, counted, count):
    shared = files.DirectorySync()
    failures = []

    def one():
        try:
            shared.sync(home)
        except OSError as error:
            failures.append(error.errno)

    threads = [threading.Thread(target=one) for _ in range(count)]
    threads[0].start()
    assert counted.first.wait(10)
    for thread in threads[1:]:
        thread.start()
    while next(iter(shared._rounds.values())).waiting < count:
        threading.Event().wait(0.001)
    counted.go_on.set()
    for thread in threads:
        thread.join(10)
    assert not shared._rounds
    return failures


def test_those_who_wait_share_one_sync(home, monkeypatch):
    counted = Counted(monkeypatch)
    assert _sync_together(home, counted, 20) == []
    assert counted.calls == 2  # the running one may have begun too early for the other nineteen


def test_a_failed_sync_fails_everybody_it_was_for(home, monkeypatch):
    counted = Counted(monkeypatch, fail=2)
    assert _sync_together(home, counted, 6) == [5] * 5


def test_syncs_one_after_another_each_reach_the_disk(home, monkeypatch):
    counted = Counted(monkeypatch)
    counted.go_on.set()
    shared = files.DirectorySync()
    for _ in range(3):
        shared.sync(home)
    assert counted.calls == 3


def test_remove_whatever_somebody_built(home, tmp_path):
    nest = tmp_path / "nest"
    nest.mkdir()
    (nest / "link").symlink_to("/etc/passwd")
    (nest / "dirlink").symlink_to(tmp_path)
    os.mkfifo(nest / "fifo")
    fd = os.open(nest, os.O_RDONLY)
    for _ in range(1500):  # deeper than the stack and than the limit of descriptors
        os.mkdir("d", dir_fd=fd)
        below = os.open("d", os.O_RDONLY, dir_fd=fd)
        os.close(fd)
        fd = below
    os.close(fd)
    files.remove(home, "nest")
    assert os.listdir(home) == []
    assert os.path.exists("/etc/passwd")


def test_removing_nothing_is_fine(home):
    files.remove(home, "nothing")


def test_a_new_file_is_never_an_old_one(home, tmp_path):
    (tmp_path / "target").write_text("keep")
    (tmp_path / "name").symlink_to("target")
    with pytest.raises(FileExistsError):
        files.write_new(home, "name", b"x", 0o644)
    assert (tmp_path / "target").read_text() == "keep"


# Under the last one only root can enter what it has just made.
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, pytest.param(0o777, marks=pytest.mark.root)], ids=oct)
def test_modes_do_not_depend_on_the_umask(home, tmp_path, umask):
    before = os.umask(umask)
    try:
        files.write_new(home, "file", b"x", 0o644)
        os.close(files.ensure_directory("open", 0o755, home))
        os.close(files.ensure_directory("private", 0o700, home))
    finally:
        os.umask(before)
    modes = {name: (tmp_path / name).stat().st_mode & 0o7777 for name in ("file", "open", "private")}
    assert modes == {"file": 0o644, "open": 0o755, "private": 0o700}


def test_a_directory_half_made_by_a_crash_is_finished(home, tmp_path):
    (tmp_path / ".making x").mkdir()
    os.close(files.ensure_directory("x", 0o755, home))
    assert os.listdir(home) == ["x"]


@pytest.mark.parametrize("name", ["link", "../up", "/etc"], ids=["symlink", "parent", "absolute"])
def test_nothing_beyond_the_directory_is_opened(home, tmp_path, name):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError):
        os.close(linux.open_beneath(home, name, files.DIRECTORY))


def test_rename_never_replaces_an_empty_squatter(home, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "squatted").mkdir()
    with pytest.raises(FileExistsError):
        files.rename_noreplace(home, "mine", home, "squatted")


ENSURE = """
import os, sys
from aimx.effects import files
home = files.open_directory(sys.argv[1])
print("ready", flush=True)
sys.stdin.read()
for number in range(100):
    os.close(files.ensure_directory(str(number), 0o755, home))
"""


def test_processes_that_make_the_same_directories_at_once_all_get_them(tmp_path):
    argv = [sys.executable, "-c", ENSURE, str(tmp_path)]
    several = [subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    try:
        for process in several:
            assert process.stdout.readline() == "ready\n"
        for process in several:
            process.stdin.close()
        assert [process.wait(60) for process in several] == [0, 0, 0]
    finally:
        for process in several:
            process.kill()
            process.wait()
            process.stdout.close()
    assert {path.name for path in tmp_path.iterdir()} == {str(number) for number in range(100)}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o755}
