"""Group commit: what messages in flight share, and that the failure of one is not the failure of another."""

import os
import threading

import pytest

from aimx.errors import StorageFailed
from aimx.store import group
from aimx.store.group import Group, Sync, Task, Work
from aimx.store.state import State


@pytest.fixture
def state(tmp_path):
    state = State(str(tmp_path / "state.db"))
    yield state
    state.close()


def drive(state, *commits):
    """Carry the commits as one group; the tasks, ended."""
    told = []
    carrier = Group(state, told.extend)
    tasks = [Task(steps) for steps in commits]
    assert [carrier.add(task) for task in tasks] == [True, *[False] * (len(tasks) - 1)]
    carrier.drive()
    assert sorted(map(id, told)) == sorted(map(id, tasks))
    return tasks


def promise(name):
    return Work(lambda db: db.execute("INSERT INTO meta VALUES (?, 'x')", (name,)).lastrowid)


def names(state):
    return state.run(lambda db: {row[0] for row in db.execute("SELECT key FROM meta WHERE value = 'x'")})


def test_everybody_shares_a_directory_sync_and_a_transaction(state, tmp_path, monkeypatch):
    synced, transactions = [], []
    fsync, begin = os.fsync, state.transaction
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(fd) or fsync(fd))
    monkeypatch.setattr(state, "transaction", lambda: transactions.append(1) or begin())
    fds = [os.open(tmp_path, os.O_RDONLY) for _ in range(3)]

    def commit(number):
        yield Sync(fds[number])
        yield promise(str(number))
        return number

    tasks = drive(state, *map(commit, range(3)))
    assert [task.result() for task in tasks] == [0, 1, 2]
    assert (len(synced), len(transactions)) == (1, 1)
    assert names(state) == {"0", "1", "2"}
    for fd in fds:
        os.close(fd)


def test_a_sync_begins_after_everything_that_waits_for_it(state, tmp_path, monkeypatch):
    order = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: order.append("sync") or fsync(fd))
    fd = os.open(tmp_path, os.O_RDONLY)

    def commit(number):
        order.append(f"rename {number}")
        yield Sync(fd)
        order.append(f"done {number}")

    drive(state, commit(0), commit(1))
    assert order == ["rename 0", "rename 1", "sync", "done 0", "done 1"]
    os.close(fd)


def test_the_failure_of_one_directory_or_one_unit_is_nobody_elses(state, tmp_path):
    good = os.open(tmp_path, os.O_RDONLY)
    read_end, write_end = os.pipe()  # a pipe cannot be synced
    undone = []

    def commit(name, fd, work):
        try:
            yield Sync(fd)
            yield work
        except BaseException:
            undone.append(name)
            raise
        return name

    bad_sync, bad_work, fine = drive(
        state,
        commit("sync", read_end, promise("sync")),
        commit("work", good, Work(lambda db: db.execute("INSERT INTO nowhere VALUES (1)"))),
        commit("fine", good, promise("fine")),
    )
    assert isinstance(bad_sync.problem, OSError)
    assert isinstance(bad_work.problem, StorageFailed)
    assert fine.result() == "fine"
    assert (undone, names(state)) == (["sync", "work"], {"fine"})
    for fd in (good, read_end, write_end):
        os.close(fd)


def test_a_commit_that_breaks_at_once_is_told_too(state):
    def commit():
        raise StorageFailed("full")
        yield

    (task,) = drive(state, commit())
    assert isinstance(task.problem, StorageFailed)


def test_one_commit_runs_alone_in_the_callers_thread(state):
    def commit():
        yield promise("alone")
        return threading.get_ident()

    assert group.run(state, commit()) == threading.get_ident()
    assert names(state) == {"alone"}


def test_a_hanging_thread_does_not_hold_the_next_commit(state):
    hanging, release = threading.Event(), threading.Event()
    told = []
    carrier = Group(state, told.extend)

    def hangs():
        hanging.set()
        release.wait(30)
        return "late"
        yield

    def goes_on():
        yield promise("next")
        return "next"

    assert carrier.add(Task(hangs()))
    thread = threading.Thread(target=carrier.drive)
    thread.start()
    assert hanging.wait(30)
    task = Task(goes_on())
    assert not carrier.add(task)
    assert not task.begun
    assert carrier.stalled(task)
    carrier.drive()
    assert task.begun
    assert [one.result() for one in told] == ["next"]
    assert not carrier.stalled(task), "it has ended"
    release.set()
    thread.join(30)
    assert [one.result() for one in told] == ["next", "late"]
