"""Group commit: messages in flight share their syncs and their transactions.

A commit is a generator that yields what it waits for. One thread carries all commits that are in flight: it lets each
run until it waits, syncs every directory once and makes one transaction for all. Knows nothing of what is committed.
"""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, TypeVar

from aimx import limits
from aimx.errors import StorageFailed
from aimx.store.state import State

T = TypeVar("T")


class Sync(NamedTuple):
    """Wait until every entry of this directory is durable; OSError comes back when it cannot be."""

    fd: int


class Work(NamedTuple):
    """Wait until this is done in state.db and durable; its value, or what it raised, comes back."""

    work: Callable[[sqlite3.Connection], object]


Step = Sync | Work
Steps = Generator[Step, Any, T]


class Task:
    """One commit. `begun`: a thread carries it, or is started for it. When `done`, it has a `value` or a `problem`."""

    def __init__(self, steps: Steps[Any]) -> None:
        self._steps = steps
        self.step: Step | None = None
        self.begun = False
        self.done = False
        self.value: Any = None
        self.problem: BaseException | None = None

    def resume(self, value: object = None, problem: BaseException | None = None) -> None:
        """Run until it waits again or ends."""
        try:
            self.step = self._steps.send(value) if problem is None else self._steps.throw(problem)
        except StopIteration as end:
            self.step, self.done, self.value = None, True, end.value
        except BaseException as error:  # noqa: BLE001  handed to whoever waits for this commit
            self.step, self.done, self.problem = None, True, error

    def result(self) -> Any:
        """The value. Raises: the problem."""
        if self.problem is not None:
            raise self.problem
        return self.value


class Group:
    """The commits in flight. `tell` gets those that ended, in the thread that carried them."""

    def __init__(self, state: State, tell: Callable[[list[Task]], None]) -> None:
        self._state = state
        self._tell = tell
        self._lock = threading.Lock()
        self._arrived: deque[Task] = deque()
        self._threads = 0

    def add(self, task: Task) -> bool:
        """Queue a commit. Returns: whether the caller must start a thread that runs `drive`."""
        with self._lock:
            self._arrived.append(task)
            if self._threads:
                return False
            self._threads = 1
            task.begun = True
            return True

    def stalled(self, task: Task) -> bool:
        """Whether nobody has begun with this commit though it waits too long; the caller must then start a thread."""
        with self._lock:
            if task.begun or self._threads >= limits.COMMIT_THREADS:
                return False
            self._threads += 1
            return True

    def drive(self) -> None:
        """Carry commits until none is left."""
        running: list[Task] = []
        while self._take(running):
            _round(self._state, running)
            ended = [task for task in running if task.done]
            running[:] = [task for task in running if not task.done]
            if ended:
                self._tell(ended)

    def _take(self, running: list[Task]) -> bool:
        with self._lock:
            while self._arrived and len(running) < limits.COMMIT_GROUP:
                task = self._arrived.popleft()
                task.begun = True
                running.append(task)
            if not running:
                self._threads -= 1
            return bool(running)


def run(state: State, steps: Steps[T]) -> T:
    """Carry one commit in this thread. Raises: what it raises."""
    task = Task(steps)
    while not task.done:
        _round(state, [task])
    value: T = task.result()
    return value


def _round(state: State, running: list[Task]) -> None:
    """Begin with what is new, then all syncs, then one transaction."""
    try:
        for task in running:
            if task.step is None:
                task.resume()
        while waiting := [task for task in running if isinstance(task.step, Sync)]:
            _sync(waiting)
        _work(state, [task for task in running if isinstance(task.step, Work)])
    except Exception as error:  # noqa: BLE001  nobody may wait for ever; each undoes what it did
        for task in running:
            if not task.done:
                task.resume(problem=StorageFailed("storage failed", detail=f"commit: {error}"))


def _sync(waiting: list[Task]) -> None:
    """One fsync per directory: every rename that waits for it came before."""
    failures: dict[tuple[int, int], OSError | None] = {}
    keys = []
    for task in waiting:
        assert isinstance(task.step, Sync)
        status = os.fstat(task.step.fd)
        key = (status.st_dev, status.st_ino)
        keys.append(key)
        if key in failures:
            continue
        try:
            os.fsync(task.step.fd)
            failures[key] = None
        except OSError as error:
            failures[key] = error
    for task, key in zip(waiting, keys, strict=True):
        failure = failures[key]
        task.resume(problem=None if failure is None else OSError(failure.errno, failure.strerror))


def _work(state: State, waiting: list[Task]) -> None:
    if not waiting:
        return
    outcomes = state.run_all([task.step.work for task in waiting if isinstance(task.step, Work)])
    for task, (value, problem) in zip(waiting, outcomes, strict=True):
        task.resume(value, problem)
