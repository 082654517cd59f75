"""The event log of state.db: what happened, numbered in the order in which it became durable.

A number is given inside the transaction that makes its event true, and transactions follow one another: whoever has
read up to a number has missed nothing below it. Never tells anybody.
"""

import functools
import sqlite3
from typing import Any, NamedTuple

import msgspec

from aimx import limits, log
from aimx.errors import StorageFailed
from aimx.mime import dates
from aimx.model.cursor import Cursor
from aimx.model.event import Event


class Ends(NamedTuple):
    """The log holds the events after `first`, up to and with `last`."""

    first: int
    last: int


class Entry(NamedTuple):
    """One event: its number, whose it is (None: root's), its mailbox, its type, and the line that tells it."""

    seq: int
    owner_uid: int | None
    mailbox: str
    kind: str
    line: bytes


_instant = functools.lru_cache(maxsize=16)(dates.utc)  # what is read together happened together


def append(db: sqlite3.Connection, event: Event) -> tuple[int, Event]:
    """Log one event inside the caller's transaction. Returns: its number, and itself."""
    row = (event.at, event.owner_uid, msgspec.json.encode(event).decode())
    seq = int(db.execute("INSERT INTO events (at, owner_uid, event) VALUES (?, ?, ?)", row).lastrowid or 0)
    return seq, event


def has(db: sqlite3.Connection, event: Event) -> bool:
    """Whether this very event is in the log."""
    row = (event.at, msgspec.json.encode(event).decode())
    return db.execute("SELECT 1 FROM events WHERE at = ? AND event = ? LIMIT 1", row).fetchone() is not None


def prune(db: sqlite3.Connection) -> None:
    """Keep the newest."""
    db.execute("DELETE FROM events WHERE seq <= (SELECT max(seq) FROM events) - ?", (limits.EVENTS_KEPT,))


def ends(db: sqlite3.Connection) -> Ends:
    """What the log holds now; its numbers go on where they were even when nothing is left."""
    (counted,) = db.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'events'").fetchone()
    # One question each: SQLite answers either from the end of the tree, and both together by reading all of it.
    (first,) = db.execute("SELECT min(seq) FROM events").fetchone()
    (last,) = db.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
    last = max(last, counted)
    return Ends(last if first is None else first - 1, last)


class Reader:
    """Reads the log beside its writer. One thread at a time. Raises: StorageFailed, by every method."""

    def __init__(self, path: str) -> None:
        try:
            self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA query_only = 1")
            (epoch,) = self._db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
        except sqlite3.Error as error:
            raise StorageFailed("the event log cannot be read", detail=str(error)) from error
        self.epoch = str(epoch)

    def ends(self) -> Ends:
        """What the log holds now."""
        try:
            return ends(self._db)
        except sqlite3.Error as error:
            raise StorageFailed("the event log cannot be read", detail=str(error)) from error

    def after(self, seq: int, upto: int, count: int, owner_uid: int | None = None) -> list[Entry]:
        """At most `count` events after `seq`, up to and with `upto`, in order; `owner_uid`: only that owner's."""
        whose = "" if owner_uid is None else "AND owner_uid = ?"
        query = f"SELECT seq, owner_uid, at, event FROM events WHERE seq > ? AND seq <= ? {whose} ORDER BY seq LIMIT ?"
        values = (seq, upto, count) if owner_uid is None else (seq, upto, owner_uid, count)
        try:
            return [self._entry(*row) for row in self._db.execute(query, values)]
        except sqlite3.Error as error:
            raise StorageFailed("the event log cannot be read", detail=str(error)) from error

    def close(self) -> None:
        """Let go of the database."""
        self._db.close()

    def _entry(self, seq: int, owner_uid: int | None, at: float, text: str) -> Entry:
        """Without a line for a row that somebody damaged: what comes after it is told all the same."""
        try:
            told: dict[str, Any] = msgspec.json.decode(text)
            head = {"cursor": str(Cursor(self.epoch, seq)), "type": told.pop("type"), "at": _instant(int(at))}
            del told["owner_uid"], told["at"]
            line = msgspec.json.encode({**head, **told})
            return Entry(seq, owner_uid, str(told["mailbox"]), head["type"], line + b"\n")
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.error("event-unreadable", seq=seq, why=str(error))
            return Entry(seq, None, "", "", b"")
