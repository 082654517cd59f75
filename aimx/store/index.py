"""index.db: what lists, counts and threads show, so that they cost a page and not a mailbox.

Disposable and never authoritative: losing it costs a rebuild. Written in batches by a thread of its own, after the
reply; a failure here is logged once and never reaches a delivery. Nothing is decided from it.
"""

import contextlib
import itertools
import operator
import os
import queue
import sqlite3
import threading
import time

import msgspec

from aimx import limits, log
from aimx.model.delivery import Mark, Ref
from aimx.model.query import Box, Counts
from aimx.store.ledger import Settled

VERSION = 2

# status: of sent mail. dev … mtime_ns: the message file as it was written (see model.delivery.Mark).
SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
  mailbox TEXT NOT NULL, folder TEXT NOT NULL, stem TEXT NOT NULL, received_at REAL NOT NULL, bundle INTEGER NOT NULL,
  attachments INTEGER NOT NULL, unread INTEGER NOT NULL, from_ TEXT, to_ TEXT, subject TEXT, message_id TEXT,
  in_reply_to TEXT, references_ TEXT, thread_id TEXT, trusted TEXT, dkim TEXT, spf TEXT, dmarc TEXT, automated TEXT,
  status TEXT, dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  PRIMARY KEY (mailbox, folder, stem)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS messages_by_time ON messages (mailbox, folder, received_at, stem);
CREATE INDEX IF NOT EXISTS messages_by_id ON messages (message_id);
CREATE INDEX IF NOT EXISTS messages_unread ON messages (mailbox, folder) WHERE unread;
"""

SUMMARY = ("from", "to", "subject", "message_id", "in_reply_to", "references", "thread_id", "trusted", "dkim", "spf",
           "dmarc", "automated", "status")  # fmt: skip
_COLUMNS = (
    "mailbox, folder, stem, received_at, bundle, attachments, unread, from_, to_, subject, message_id, in_reply_to,"
    " references_, thread_id, trusted, dkim, spf, dmarc, automated, status, dev, ino, size, mtime_ns"
)
_INSERT = f"INSERT OR REPLACE INTO messages ({_COLUMNS}) VALUES ({', '.join('?' * (_COLUMNS.count(',') + 1))})"
_CHANGE = (
    "UPDATE messages SET status = ?, dev = ?, ino = ?, size = ?, mtime_ns = ?"
    " WHERE mailbox = ? AND folder = ? AND stem = ?"
)
_MARKED = (
    "UPDATE messages SET unread = ?, dev = ?, ino = ?, size = ?, mtime_ns = ?"
    " WHERE mailbox = ? AND folder = ? AND stem = ?"
)
_FORGET = "DELETE FROM messages WHERE mailbox = ? AND folder = ? AND stem = ?"
_Values = tuple[object, ...]
_Change = tuple[str, _Values]


class Row(msgspec.Struct, frozen=True, array_like=True):
    """One indexed message."""

    mailbox: str
    folder: str
    stem: str
    received_at: float
    bundle: bool
    attachments: int
    unread: bool
    from_: str
    to: str
    subject: str
    message_id: str
    in_reply_to: str
    references: str
    thread_id: str
    trusted: str
    dkim: str
    spf: str
    dmarc: str
    automated: str
    status: str
    dev: int
    ino: int
    size: int
    mtime_ns: int


class Index:
    """index.db and its writer. `add` may be called from any thread and never waits."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[_Change | threading.Event | None] = queue.SimpleQueue()
        self._connection = _open(path)
        self._healthy = True
        self._thread = threading.Thread(target=self._write, name="index", daemon=True)
        self._thread.start()

    def add(self, settled: list[Settled], received_at: float) -> None:
        """Rows for copies that are on disk now."""
        for copy in settled:
            if copy.spooled is None:
                self._put(_INSERT, _values(copy, received_at))

    def change(self, ref: Ref, mark: Mark, status: str) -> None:
        """A sent record was replaced by what its send came to."""
        self._put(_CHANGE, (status, *msgspec.structs.astuple(mark), *_key(ref)))

    def marked(self, ref: Ref, mark: Mark, read: bool) -> None:
        """A mail was marked and its file replaced."""
        self._put(_MARKED, (not read, *msgspec.structs.astuple(mark), *_key(ref)))

    def forget(self, ref: Ref) -> None:
        """A message was removed."""
        self._put(_FORGET, _key(ref))

    def _put(self, statement: str, values: _Values) -> None:
        if self._connection is not None and self._queue.qsize() <= limits.INDEX_QUEUE_ROWS:
            self._queue.put((statement, values))

    def page(
        self, mailbox: str, limit: int, before: tuple[float, str] | None = None, folder: str = "inbox"
    ) -> list[Row]:
        """The newest messages older than `before` (a row's received_at and stem), after waiting for queued rows."""
        self.flush()
        if self._connection is None:
            return []
        at, stem = before or (float("inf"), "")
        query = (
            f"SELECT {_COLUMNS} FROM messages WHERE mailbox = ? AND folder = ? AND (received_at, stem) < (?, ?)"
            " ORDER BY received_at DESC, stem DESC LIMIT ?"
        )
        with contextlib.closing(_connect(self._path)) as reader:
            return [_row(row) for row in reader.execute(query, (mailbox, folder, at, stem, limit))]

    def counts(self, boxes: tuple[Box, ...]) -> dict[str, Counts]:
        """How much mail each box holds, by name, after waiting for queued rows."""
        self.flush()
        if self._connection is None:
            return {box.name: Counts() for box in boxes}
        query = "SELECT count(*), coalesce(sum(unread), 0) FROM messages WHERE mailbox = ? AND folder = ?"
        with contextlib.closing(_connect(self._path)) as reader:
            found = {}
            for box in boxes:
                inbox, unread = reader.execute(query, (box.name, "inbox")).fetchone()
                (sent, _) = reader.execute(query, (box.name, "sent")).fetchone()
                found[box.name] = Counts(inbox, unread, sent)
            return found

    @property
    def healthy(self) -> bool:
        """Whether it takes what is written to it."""
        return self._connection is not None and self._healthy

    def flush(self) -> None:
        """Wait until everything added so far is written."""
        done = threading.Event()
        self._queue.put(done)
        done.wait(limits.COMMIT_S)

    def close(self) -> None:
        """Write what is queued and close."""
        self._queue.put(None)
        self._thread.join()
        if self._connection is not None:
            self._connection.close()

    def _write(self) -> None:
        closing = False
        while not closing:
            batch = [self._queue.get()]
            if not isinstance(batch[0], threading.Event) and batch[0] is not None:
                time.sleep(limits.INDEX_BATCH_S)  # company makes a row fifteen times cheaper
            with contextlib.suppress(queue.Empty):
                while len(batch) < limits.INDEX_BATCH_ROWS:
                    batch.append(self._queue.get_nowait())
            closing = None in batch
            self._execute([item for item in batch if isinstance(item, tuple)])
            for item in batch:
                if isinstance(item, threading.Event):
                    item.set()

    def _execute(self, changes: list[_Change]) -> None:
        if not changes or self._connection is None:
            return
        try:
            with self._connection:
                for statement, group in itertools.groupby(changes, key=operator.itemgetter(0)):
                    self._connection.executemany(statement, (values for _, values in group))
            self._healthy = True
        except sqlite3.Error as error:
            if self._healthy:
                log.warning("index-not-written", why=str(error), note="mail is unaffected")
            self._healthy = False


def _key(ref: Ref) -> _Values:
    return (ref.mailbox, ref.folder, ref.id)


def _values(copy: Settled, received_at: float) -> _Values:
    staged = copy.staged
    told = staged.summary.get
    attachments = len(staged.sizes) - 1
    return (
        staged.mailbox, staged.folder, copy.stem, received_at, staged.bundle, attachments, staged.folder == "inbox",
        *[told(key, "") for key in SUMMARY], *msgspec.structs.astuple(staged.mark),
    )  # fmt: skip


def _row(row: _Values) -> Row:
    return msgspec.convert(row, Row, strict=False)


def _connect(path: str) -> sqlite3.Connection:
    return sqlite3.connect(path, check_same_thread=False)


def _open(path: str) -> sqlite3.Connection | None:
    """The database, made anew when it is damaged or of another version; None when even that fails."""
    for _ in range(2):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            connection = _connect(path)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"version {version}")
            connection.executescript(f"{SCHEMA} PRAGMA user_version = {VERSION};")
            return connection
        except (sqlite3.Error, OSError) as error:
            log.warning("index-renewed", path=path, why=str(error), note="it is rebuilt from the mail itself")
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(OSError):
                    os.unlink(path + suffix)
    return None
