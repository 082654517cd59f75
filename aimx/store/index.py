"""index.db: what lists, counts and threads show, so that they cost a page and not a mailbox.

Disposable and never authoritative: losing it costs a rebuild. Written in batches by a thread of its own, after the
reply; a failure here is logged once and never reaches a delivery. Nothing is decided from it.
"""

import contextlib
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

from aimx import limits, log
from aimx.errors import ResourcesExhausted, StorageFailed
from aimx.model.delivery import Mark, Ref
from aimx.store import indexdb, indexread, indexrow
from aimx.store.browse import Directory, Place
from aimx.store.indexwrite import Writer
from aimx.store.ledger import Settled
from aimx.store.tree import Tree

T = TypeVar("T")
Change = Callable[[Writer], Any]


class IndexFailed(StorageFailed):
    """There is no index that can be asked, or written. The mail itself is well."""


class _Item(NamedTuple):
    """A change that waits, and who waits for it."""

    work: Change
    promise: "Promise | None" = None


class Promise:
    """What a change came to."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.value: Any = None
        self.problem: Exception | None = None

    def result(self) -> Any:
        """Wait for it. Raises: StorageFailed."""
        self.done.wait()
        if self.problem is not None:
            raise IndexFailed("index.db cannot be written", detail=str(self.problem)) from self.problem
        return self.value


class Index:
    """index.db and its writer. What notes a change may be called from any thread and never waits."""

    def __init__(self, path: str, tree: Tree) -> None:
        self._path = path
        self._folders = tree.folders
        self._stamps = tree.stamps
        self.renewals = 0
        self._changed = threading.Condition()
        self._items: deque[_Item] = deque()
        self._latest: dict[Place, int] = {}
        self._watched: dict[Place, list[set[str]]] = {}
        self._owed: dict[Place, dict[str, int]] = {}
        self._accepted = self._written = 0
        self._urgent = self._closing = False
        self._healthy = True
        self._writer: Writer | None = None
        self._identity: tuple[int, int] | None = None
        self._readers: list[sqlite3.Connection] = []
        self._directories: dict[Place, Directory | None] = {}  # held open while a batch is written
        self._open()
        self._thread = threading.Thread(target=self._write, name="index", daemon=True)
        self._thread.start()

    # Changes

    def add(self, settled: Iterable[Settled]) -> None:
        """Copies that are on disk now."""
        for copy in settled:
            if copy.spooled is None:
                staged = copy.staged
                place = Place(staged.folder, staged.mailbox)
                if self.note(place, staged.owner, copy.stem) and copy.changed is not None:
                    self._stamps.changed(place, *copy.changed)

    def change(self, ref: Ref) -> None:
        """A sent record was replaced by what its send came to."""
        self.note(Place(ref.folder, ref.mailbox), ref.owner, ref.id)

    def marked(self, ref: Ref, mark: Mark, read: bool) -> None:
        """A mail was rewritten to say whether it is read, and nothing else; `mark`: what its file looks like now."""
        place = Place(ref.folder, ref.mailbox)
        self._put(place, ref.id, lambda writer: writer.marked(place, ref.id, mark, read))

    def forget(self, ref: Ref) -> None:
        """A message was removed."""
        place = Place(ref.folder, ref.mailbox)
        self._put(place, ref.id, lambda writer: writer.drop(place, ref.id))

    def note(self, place: Place, owner: str, stem: str) -> bool:
        """Something happened to a message: its file is read again, by the thread that writes. Returns: whether."""
        return self._put(place, stem, lambda writer: self._refresh(writer, place, owner, stem))

    def seen(self, place: Place, owner: str, entry: indexrow.Entry) -> None:
        """A message is not what the index said, but this. Its file is not read again: that may have cost a second."""

        def work(writer: Writer) -> None:
            directory = self._browsed(place, owner)
            if directory is not None and indexrow.is_of(entry, directory.mark(entry.stem, entry.bundle)):
                writer.put(place, entry)  # otherwise it has changed since, and the next look sees that

        self._put(place, entry.stem, work)

    def _browsed(self, place: Place, owner: str) -> Directory | None:
        if place not in self._directories:
            self._directories[place] = self._folders.browse(place.folder, place.mailbox, owner)
        return self._directories[place]

    def _refresh(self, writer: Writer, place: Place, owner: str, stem: str) -> None:
        if writer.live(place) is None:
            return
        directory = self._browsed(place, owner)
        try:
            entry = indexread.read(directory, place.folder, stem, hurried=True) if directory is not None else None
        except indexread.Slow:
            self._owe(place, stem)
            return
        if entry is None:
            writer.drop(place, stem)
        else:
            writer.put(place, entry)

    def run(self, work: Callable[[Writer], T]) -> T:
        """A change of one's own, in the order of all others; returns when it is written. Raises: StorageFailed."""
        value: T = self.submit(work).result()
        return value

    def submit(self, work: Change) -> Promise:
        """`run` without waiting."""
        promise = Promise()
        with self._changed:
            if self._closing:
                promise.problem = RuntimeError("index.db is closed")
                promise.done.set()
            else:
                self._accepted += 1
                self._items.append(_Item(work, promise))
                self._urgent = True
                self._changed.notify_all()
        return promise

    def _put(self, place: Place, stem: str, work: Change) -> bool:
        with self._changed:
            if len(self._items) > limits.INDEX_QUEUE_ROWS or self._closing:
                return False  # the directory has changed: reconciliation sees it
            self._accepted += 1
            self._latest[place] = self._accepted
            for touched in self._watched.get(place, ()):
                touched.add(stem)
            self._items.append(_Item(work))
            if len(self._items) in (1, limits.INDEX_BATCH_ROWS):  # between them the thread waits for its time anyway
                self._changed.notify_all()
        return True

    @contextlib.contextmanager
    def watched(self, place: Place) -> Iterator[set[str]]:
        """The messages that something is noted about meanwhile."""
        touched: set[str] = set()
        with self._changed:
            self._watched.setdefault(place, []).append(touched)
        try:
            yield touched
        finally:
            with self._changed:
                self._watched[place].remove(touched)

    def _owe(self, place: Place, stem: str) -> None:
        """Whoever asks next is to read it; where that is very much, to compare all of the directory."""
        with self._changed:
            owed = self._owed.setdefault(place, {})
            owed[stem] = self._accepted
            if len(owed) > limits.INDEX_BATCH_ROWS:
                del self._owed[place]
                self._stamps.doubt(place)

    def owed(self, place: Place) -> dict[str, int]:
        """Messages that whoever asks is to read, and what to say to `paid` then."""
        with self._changed:
            return dict(self._owed.get(place, ()))

    def paid(self, place: Place, stem: str, number: int) -> None:
        """It was read; not so if it has changed meanwhile."""
        with self._changed:
            owed = self._owed.get(place, {})
            if owed.get(stem) == number:
                del owed[stem]
            if not owed:
                self._owed.pop(place, None)

    # Questions

    def flush(self, places: Iterable[Place] | None = None) -> None:
        """Wait until everything noted so far about these places (None: about any) is written."""
        with self._changed:
            latest = self._latest
            wanted = self._accepted if places is None else max((latest.get(place, 0) for place in places), default=0)
            if self._written >= wanted:
                return
            self._urgent = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._written >= wanted, limits.INDEX_WAIT_S)

    def check(self) -> None:
        """See that the file is still there, and ours. Raises: StorageFailed."""
        if self._identity is None or indexdb.identity(self._path) != self._identity:
            self._renewed("it was removed or replaced")

    @contextlib.contextmanager
    def reader(self, most_s: float = float("inf")) -> Iterator[sqlite3.Connection]:
        """A connection to ask; `most_s`: from now on, then a question is given up.

        Raises: StorageFailed when there is no index; ResourcesExhausted.
        """
        self.check()
        with self._changed:
            identity = self._identity
            connection = self._readers.pop() if self._readers else None
        try:
            connection = connection or self._connect()
            until = time.monotonic() + most_s
            connection.set_progress_handler(lambda: time.monotonic() > until, limits.SEARCH_STEPS)
            connection.execute("BEGIN")  # one state of the index for all that is asked through it
            yield connection
            connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise ResourcesExhausted("the search takes too long; look for fewer or rarer words") from error
            if indexdb.is_damage(error):
                self._renewed(str(error))
            raise IndexFailed("index.db cannot be read", detail=str(error)) from error
        except BaseException:
            if connection is not None:
                connection.close()
            raise
        with self._changed:
            keep = identity == self._identity and len(self._readers) < limits.INDEX_READERS and not self._closing
            if keep:
                self._readers.append(connection)
        if not keep:
            connection.close()

    def _renewed(self, why: str) -> None:
        """Have the thread that writes make the file anew."""

        def work(_: Writer) -> None:
            self._renew(why)
            if self._writer is None:
                raise sqlite3.OperationalError(why)
            self._writer.db.execute("BEGIN IMMEDIATE")  # for what else the batch holds

        self.run(work)

    def _connect(self) -> sqlite3.Connection:
        connection = indexdb.connect(self._path)
        connection.execute("PRAGMA query_only=ON")
        connection.execute(f"PRAGMA cache_size=-{limits.INDEX_READER_CACHE_KIB}")
        return connection

    @property
    def healthy(self) -> bool:
        """Whether it takes what is written to it."""
        return self._writer is not None and self._healthy

    @property
    def full_text(self) -> bool:
        """Whether searches can use the index."""
        return self._writer is not None and self._writer.full_text

    def close(self) -> None:
        """Write what is queued and close."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()
        self._close()

    # The thread that writes

    def _open(self) -> None:
        connection = indexdb.open_writer(self._path)
        self._writer = Writer(connection) if connection is not None else None
        self._identity = indexdb.identity(self._path) if connection is not None else None

    def _close(self) -> None:
        with self._changed:
            readers, self._readers, self._identity = self._readers, [], None
        for reader in readers:
            reader.close()
        if self._writer is not None:
            self._writer.db.close()
            self._writer = None

    def _renew(self, why: str) -> None:
        """Another file, empty; boxes are built again when they are asked."""
        if self._identity is not None and indexdb.identity(self._path) == self._identity and why.startswith("it was"):
            return  # somebody else saw it too
        log.warning("index-renewed", path=self._path, why=why, note="it is rebuilt from the mail itself")
        if self._writer is not None and self._writer.db.in_transaction:
            self._writer.db.execute("ROLLBACK")
        self._close()
        self.renewals += 1
        self._stamps.forget()
        indexdb.remove(self._path)
        self._open()

    def _write(self) -> None:
        while batch := self._batch():
            self._carry_out(batch)
            with self._changed:
                self._written += len(batch)
                self._changed.notify_all()

    def _batch(self) -> list[_Item]:
        """What waits, after a while for company that makes a row fifteen times cheaper; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._closing)
            until = time.monotonic() + limits.INDEX_BATCH_S
            while not (self._urgent or self._closing) and len(self._items) < limits.INDEX_BATCH_ROWS:
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
            batch = [self._items.popleft() for _ in range(min(len(self._items), limits.INDEX_BATCH_ROWS))]
            self._urgent = self._urgent and bool(self._items)
        return batch

    def _carry_out(self, batch: list[_Item]) -> None:
        if not self._together(batch):
            for item in batch:
                self._together([item])
        for directory in self._directories.values():
            if directory is not None:
                directory.close()
        self._directories.clear()
        for item in batch:
            if item.promise is not None:
                item.promise.done.set()

    def _together(self, batch: list[_Item]) -> bool:
        """One transaction. Returns: whether it took place, or could not and concerns one change only."""
        try:
            if self._writer is None:
                self._open()
            if self._writer is None:
                raise sqlite3.OperationalError("index.db cannot be opened")
            self._writer.db.execute("BEGIN IMMEDIATE")
            for item in batch:
                value = item.work(self._writer)
                if item.promise is not None:
                    item.promise.value, item.promise.problem = value, None
            self._writer.db.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  handed to whoever asked for it, or told in the log
            self._undone(batch, error)
            return len(batch) == 1
        self._healthy = True
        return True

    def _undone(self, batch: list[_Item], error: Exception) -> None:
        writer = self._writer
        if writer is not None:
            writer.forget_all()
            with contextlib.suppress(sqlite3.Error):
                if writer.db.in_transaction:
                    writer.db.execute("ROLLBACK")
        for item in batch:
            if item.promise is not None:
                item.promise.problem = error
        if len(batch) == 1 and isinstance(error, sqlite3.Error) and indexdb.is_damage(error):
            self._renew(str(error))
        if len(batch) == 1 and self._healthy:
            log.warning("index-not-written", why=str(error), note="mail is unaffected")
            self._healthy = False
