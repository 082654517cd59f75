"""index.db as a database: its schema, and how it is opened, made anew, and found to be another file. Knows no mail."""

import contextlib
import os
import sqlite3

from aimx import limits, log
from aimx.store import indexrow, indexwords

VERSION = 4
UNUSABLE = (sqlite3.DatabaseError, OSError)

# boxes: a folder of a mailbox; of several with one name the live one is asked, others are being built or cleared.
# meta: the table of words that new boxes use, and how many boxes there ever were.
# words: which table of words its messages are in. disordered: some of its numbers do not follow the order of ids.
# messages.id: see indexkey. dev … mtime_ns: the message file as it was read (see model.delivery.Mark).
# mentions: Message-IDs that a message has or names. dead: numbers whose words cannot be taken back (SQLite 3.43 could).
SCHEMA = """
CREATE TABLE IF NOT EXISTS boxes (
  id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, folder TEXT NOT NULL, live INTEGER NOT NULL, words INTEGER NOT NULL,
  disordered INTEGER NOT NULL DEFAULT 0, total INTEGER NOT NULL DEFAULT 0, unread INTEGER NOT NULL DEFAULT 0,
  dev INTEGER NOT NULL DEFAULT 0, ino INTEGER NOT NULL DEFAULT 0, mtime_ns INTEGER NOT NULL DEFAULT 0,
  uid INTEGER NOT NULL DEFAULT -1);
CREATE UNIQUE INDEX IF NOT EXISTS boxes_by_name ON boxes (mailbox, folder) WHERE live;
CREATE TABLE IF NOT EXISTS messages (
  id INTEGER PRIMARY KEY, box INTEGER NOT NULL, stem TEXT NOT NULL, strange INTEGER NOT NULL, received_at REAL NOT NULL,
  bundle INTEGER NOT NULL, attachments INTEGER NOT NULL, unread INTEGER NOT NULL, readable INTEGER NOT NULL,
  from_ TEXT NOT NULL, to_ TEXT NOT NULL, subject TEXT NOT NULL, date TEXT NOT NULL, message_id TEXT NOT NULL,
  in_reply_to TEXT NOT NULL, references_ TEXT NOT NULL, thread_id TEXT NOT NULL, trusted TEXT NOT NULL,
  dkim TEXT NOT NULL, spf TEXT NOT NULL, dmarc TEXT NOT NULL, automated TEXT NOT NULL, status TEXT NOT NULL,
  text_hash INTEGER NOT NULL, dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS messages_by_id ON messages (box, stem);
CREATE INDEX IF NOT EXISTS messages_unread ON messages (box, unread, stem);
CREATE INDEX IF NOT EXISTS messages_by_thread ON messages (box, thread_id, stem);
CREATE INDEX IF NOT EXISTS messages_with_files ON messages (box, stem) WHERE attachments > 0;
CREATE INDEX IF NOT EXISTS messages_strange ON messages (box, stem) WHERE strange;
CREATE TABLE IF NOT EXISTS mentions (number INTEGER, id INTEGER, PRIMARY KEY (number, id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead (id INTEGER PRIMARY KEY, octets INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS meta (words INTEGER NOT NULL, boxes INTEGER NOT NULL);
INSERT INTO meta SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM meta);
"""

SELECTED = ", ".join(indexrow.COLUMNS)
_WORDS = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words{} USING fts5({}, content='', columnsize=0,"
    ' tokenize="unicode61 remove_diacritics 2")'
)


def connect(path: str) -> sqlite3.Connection:
    """A connection that any thread may use, one at a time."""
    return sqlite3.connect(path, limits.INDEX_BUSY_S, isolation_level=None, check_same_thread=False)


def open_writer(path: str) -> sqlite3.Connection | None:
    """The database, made anew when it is damaged or of another version; None when even that fails."""
    for _ in range(2):
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
            os.chmod(path, 0o600)  # -wal and -shm take the mode of the database
            return _prepared(connect(path))
        except UNUSABLE as error:
            log.warning("index-renewed", path=path, why=str(error), note="it is rebuilt from the mail itself")
            remove(path)
    return None


def _prepared(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=OFF")  # what it holds lies in the mail files as well
        connection.execute(f"PRAGMA cache_size=-{limits.INDEX_CACHE_KIB}")
        connection.execute(f"PRAGMA journal_size_limit={limits.STATE_WAL_OCTETS}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, VERSION):
            raise sqlite3.DatabaseError(f"version {version}")
        connection.executescript(f"{SCHEMA} PRAGMA user_version = {VERSION};")
        (words,) = connection.execute("SELECT words FROM meta").fetchone()
        make_words(connection, words)
        connection.execute("SELECT count(*) FROM boxes").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def make_words(connection: sqlite3.Connection, number: int) -> bool:
    """A table of words. Returns: whether this SQLite has such tables."""
    try:
        connection.execute(_WORDS.format(number, ", ".join(indexwords.COLUMNS)))
    except sqlite3.OperationalError as error:
        if "no such module" not in str(error):
            raise
        log.warning("no-full-text", why=str(error), note="searches read the mail itself and may stop early")
        return False
    configure(connection, number, "hashsize", limits.INDEX_HASH_OCTETS)
    return True


def configure(connection: sqlite3.Connection, number: int, option: str, value: int) -> None:
    """Tell a table of words how to work, or to do something."""
    connection.execute(f"INSERT INTO words{number} (words{number}, rank) VALUES (?, ?)", (option, value))


def remove(path: str) -> None:
    """The database and what SQLite keeps beside it."""
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(OSError):
            os.unlink(path + suffix)


def identity(path: str) -> tuple[int, int] | None:
    """Which file has this name now."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def is_damage(error: sqlite3.Error) -> bool:
    """Whether an error says that the file is of no more use, and not merely that it cannot be used now."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB) or "no such table" in str(error)
