"""The one writer of state.db: units of work of concurrent threads share one durable transaction.

There is no writer thread: whoever finds nobody writing carries out everything that waits, then appoints the next.
"""

import contextlib
import os
import shlex
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from aimx import limits
from aimx.errors import StorageFailed
from aimx.store import schema

T = TypeVar("T")
Problem = BaseException | None


class _Unit:
    """One piece of work; `turn` is released when it is done or when its thread is to write for all who wait."""

    __slots__ = ("done", "problem", "turn", "value", "work")

    def __init__(self, work: Callable[[sqlite3.Connection], object]) -> None:
        self.work = work
        self.done = False
        self.value: object = None
        self.problem: Problem = None
        self.turn = threading.Lock()
        self.turn.acquire()


class State:
    """state.db. `run` may be called from any thread; the call returns when its work is durable.

    Raises: StorageFailed when the database cannot be opened or written.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            os.chmod(path, 0o600)  # -wal and -shm take the mode of the database
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._open()
        except (sqlite3.DatabaseError, OSError) as error:
            raise StorageFailed(self._unusable(str(error)), detail=f"{path}: {error}") from error
        self._guard = threading.Lock()
        self._waiting: deque[_Unit] = deque()
        self._posted: list[_Unit] = []
        self._busy = False

    def _open(self) -> None:
        connection = self._connection
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(f"PRAGMA journal_size_limit={limits.STATE_WAL_OCTETS}")
        problem = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if problem != "ok":
            raise sqlite3.DatabaseError(problem)
        connection.executescript(schema.SCHEMA)
        with self.transaction():
            for table, column, kind in schema.ADDED:
                if column not in {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}:
                    connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")
            connection.execute(
                "INSERT OR IGNORE INTO meta VALUES ('version', ?), ('epoch', ?)",
                (str(schema.VERSION), os.urandom(8).hex()),
            )
        (version,) = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        if version != str(schema.VERSION):
            connection.close()
            raise StorageFailed(
                f"{self.path} has schema version {version}, this aimx knows version {schema.VERSION}:"
                " run the aimx that wrote it, or move it away as if it were damaged (see the log)",
                detail=self._unusable("unknown version"),
            )

    def _unusable(self, why: str) -> str:
        path, reason = shlex.quote(self.path), " ".join(why.split())  # quick_check answers in several lines
        return (
            f"{self.path} cannot be used ({reason}). {schema.LOSS} If it is damaged, move it away and start again:"
            f" mv {path} {path}.damaged; rm -f {path}-wal {path}-shm"
        )

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run one unit of work inside the next transaction and wait until it is durable.

        Raises: what the work raises (its changes are then undone), or StorageFailed.
        """
        ((value, problem),) = self.run_all([work])
        if problem is not None:
            raise problem
        return value  # type: ignore[return-value]

    def run_all(self, works: Sequence[Callable[[sqlite3.Connection], object]]) -> list[tuple[object, Problem]]:
        """Several units of work at once; the value or the problem of each. Never raises one of the problems."""
        units = [_Unit(work) for work in works]
        with self._guard:
            self._waiting.extend(units)
            leads, self._busy = not self._busy, True
        for unit in units:
            if unit.done:
                continue
            if not leads:
                unit.turn.acquire()
            leads = False
            if not unit.done:
                self._lead()
        return [(unit.value, unit.problem) for unit in units]

    def post(self, work: Callable[[sqlite3.Connection], None]) -> None:
        """Leave one unit of work to the next transaction, whoever makes it, without waiting."""
        with self._guard:
            self._posted.append(_Unit(work))

    def close(self) -> None:
        """Finish what is queued and close."""
        self.run(lambda _: None)
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self):  # type: ignore[no-untyped-def]
        """BEGIN IMMEDIATE … COMMIT on the writer's connection."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # some errors have rolled it back already
                self._connection.execute("ROLLBACK")
            raise

    def _lead(self) -> None:
        """Carry out what waits, ours first; then wake everybody it was for, and the next leader."""
        with self._guard:
            batch = [*self._posted]
            batch += [self._waiting.popleft() for _ in range(min(len(self._waiting), limits.STATE_BATCH_UNITS))]
            self._posted.clear()
        try:
            self._commit(batch)
        finally:
            with self._guard:
                woken = [*batch, self._waiting[0]] if self._waiting else batch
                self._busy = bool(self._waiting)
            for unit in woken:
                unit.turn.release()

    def _commit(self, units: list[_Unit]) -> None:
        try:
            with self.transaction():
                for unit in units:
                    self._isolated(unit)
        except BaseException as error:
            problem = StorageFailed("state.db cannot be written", detail=str(error))
            for unit in units:
                unit.done, unit.problem = True, problem
            if not isinstance(error, sqlite3.Error | OSError):
                raise
            return
        for unit in units:
            unit.done = True

    def _isolated(self, unit: _Unit) -> None:
        """One unit in a savepoint, so that its failure undoes only itself."""
        self._connection.execute("SAVEPOINT unit")
        try:
            unit.value = unit.work(self._connection)
        except sqlite3.Error as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO unit")
            unit.problem = StorageFailed("state.db cannot be written", detail=str(error))
        except Exception as error:  # noqa: BLE001  handed to whoever asked for the work
            self._connection.execute("ROLLBACK TO unit")
            unit.problem = error
        self._connection.execute("RELEASE unit")
