"""The one writer of state.db: units of work of concurrent threads share one durable transaction."""

import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from aimx.errors import StorageFailed
from aimx.store import schema

T = TypeVar("T")
_Unit = tuple[Callable[[sqlite3.Connection], object], "Future[object]"]


class State:
    """state.db. `run` may be called from any thread; the call returns when its work is durable.

    Raises: StorageFailed when the database cannot be opened or written.
    """

    def __init__(self, path: str) -> None:
        try:
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(schema.SCHEMA)
            with self.transaction():
                self._connection.execute(
                    "INSERT OR IGNORE INTO meta VALUES ('version', ?), ('epoch', ?)",
                    (str(schema.VERSION), os.urandom(8).hex()),
                )
            os.chmod(path, 0o600)
        except sqlite3.Error as error:
            raise StorageFailed("state.db cannot be opened", detail=f"{path}: {error}") from error
        self._queue: queue.SimpleQueue[_Unit | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, name="state", daemon=True)
        self._thread.start()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Run one unit of work inside the next transaction and wait until it is durable.

        Raises: what the work raises (its changes are then undone), or StorageFailed.
        """
        future: Future[object] = Future()
        self._queue.put((work, future))
        return future.result()  # type: ignore[return-value]

    def close(self) -> None:
        """Finish what is queued and close."""
        self._queue.put(None)
        self._thread.join()
        self._connection.close()

    @contextlib.contextmanager
    def transaction(self):  # type: ignore[no-untyped-def]
        """BEGIN IMMEDIATE … COMMIT on the writer's connection."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _write(self) -> None:
        closing = False
        while not closing:
            batch = [self._queue.get()]
            with contextlib.suppress(queue.Empty):
                while len(batch) < 256:
                    batch.append(self._queue.get_nowait())
            units = [unit for unit in batch if unit is not None]
            closing = len(units) < len(batch)
            if units:
                self._commit(units)

    def _commit(self, units: list[_Unit]) -> None:
        results: list[tuple[Future[object], object, BaseException | None]] = []
        try:
            with self.transaction():
                for work, future in units:
                    results.append((future, *self._isolated(work)))
        except (sqlite3.Error, OSError) as error:
            failure = StorageFailed("state.db cannot be written", detail=str(error))
            for _, future in units:
                future.set_exception(failure)
            return
        for future, value, problem in results:
            if problem is None:
                future.set_result(value)
            else:
                future.set_exception(problem)

    def _isolated(self, work: Callable[[sqlite3.Connection], object]) -> tuple[object, BaseException | None]:
        """One unit in a savepoint, so that its failure undoes only itself."""
        self._connection.execute("SAVEPOINT unit")
        try:
            value = work(self._connection)
        except sqlite3.Error as error:
            if not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO unit")
            return None, StorageFailed("state.db cannot be written", detail=str(error))
        except Exception as error:  # noqa: BLE001  handed to whoever asked for the work
            self._connection.execute("ROLLBACK TO unit")
            return None, error
        self._connection.execute("RELEASE unit")
        return value, None
