"""The changes of index.db, one method each; the caller has a transaction open. Counts are kept with the rows."""

import sqlite3
from collections.abc import Iterable

from aimx import limits
from aimx.model.delivery import Mark
from aimx.store import indexdb, indexkey, indexrow, indexwords
from aimx.store.browse import Place, Stamp
from aimx.store.indexrow import Entry

_INSERT = f"INSERT INTO messages (id, box, {indexdb.SELECTED}) VALUES (?, ?, {', '.join('?' * len(indexrow.COLUMNS))})"
_UPDATE = f"UPDATE messages SET {' = ?, '.join(indexrow.COLUMNS)} = ? WHERE id = ?"
_WORDS = f"INSERT INTO words{{}} (rowid, {', '.join(indexwords.COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?)"
_MENTION = "INSERT OR IGNORE INTO mentions VALUES (?, ?)"
_IDENTIFIERS = "message_id, in_reply_to, references_"
_MESSAGE = f"SELECT id, unread, text_hash, {_IDENTIFIERS} FROM messages WHERE box = ? AND stem = ?"


class Writer:
    """Writes through one connection. Every method is part of the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.db = connection
        (self.words,) = connection.execute("SELECT words FROM meta").fetchone()
        self.full_text = indexdb.make_words(connection, self.words)
        self._live: dict[Place, tuple[int, int]] = {}
        self._next: dict[int, tuple[int, int]] = {}

    def forget_all(self) -> None:
        """What was remembered may have been rolled back."""
        self._live.clear()
        self._next.clear()

    def live(self, place: Place) -> tuple[int, int] | None:
        """Number and table of words of the box that is asked; None: it has not been built."""
        if place not in self._live:
            query = "SELECT id, words FROM boxes WHERE mailbox = ? AND folder = ? AND live"
            row = self.db.execute(query, (place.mailbox, place.folder)).fetchone()
            if row is None:
                return None
            self._live[place] = row
        return self._live[place]

    def put(self, place: Place, entry: Entry) -> None:
        """A message as it is now. Does nothing for a box that has not been built."""
        live = self.live(place)
        if live is None:
            return
        box, words = live
        known = self.db.execute(_MESSAGE, (box, entry.stem)).fetchone()
        if known is None:
            self._insert(box, words, self._number(box, entry.stem), entry)
            self._count(box, 1, entry.unread)
            return
        number, unread, text_hash, *identifiers = known
        if text_hash == entry.values[indexrow.COLUMNS.index("text_hash")]:
            self.db.execute(_UPDATE, (*entry.values, number))
            self._remention(number, indexrow.mentioned(*identifiers), entry.mentions)
        else:
            later = self._number(box, entry.stem)
            self._delete(number, text_hash, identifiers)
            self._insert(box, words, later, entry)
        self._count(box, 0, entry.unread - unread)

    def drop(self, place: Place, stem: str) -> bool:
        """A message is no more. Returns: whether it was known."""
        live = self.live(place)
        known = self.db.execute(_MESSAGE, (live[0], stem)).fetchone() if live is not None else None
        if live is None or known is None:
            return False
        self._delete(known[0], known[2], known[3:])
        self._count(live[0], -1, -known[1])
        return True

    def marked(self, place: Place, stem: str, mark: Mark, read: bool) -> None:
        """A mail of the inbox was rewritten to say whether it is read, and nothing else."""
        live = self.live(place)
        if live is None:
            return
        change = "UPDATE messages SET dev = ?, ino = ?, size = ?, mtime_ns = ? WHERE box = ? AND stem = ?"
        self.db.execute(change, (mark.dev, mark.ino, mark.size, mark.mtime_ns, live[0], stem))
        change = "UPDATE messages SET unread = ? WHERE box = ? AND stem = ? AND unread <> ?"
        if self.db.execute(change, (not read, live[0], stem, not read)).rowcount:
            self._count(live[0], 0, -1 if read else 1)

    # Boxes

    def begin(self, place: Place) -> int:
        """A box to be filled that nobody asks yet."""
        (box,) = self.db.execute("UPDATE meta SET boxes = boxes + 1 RETURNING boxes - 1").fetchone()
        if box >= indexkey.BOXES:
            raise sqlite3.DatabaseError("all numbers of boxes were used")  # the index is made anew
        row = (box, place.mailbox, place.folder, self.words)
        self.db.execute("INSERT INTO boxes (id, mailbox, folder, live, words) VALUES (?, ?, ?, 0, ?)", row)
        if self.full_text:
            indexdb.configure(self.db, self.words, "automerge", limits.INDEX_SEGMENTS)
        return box

    def fill(self, box: int, entries: Iterable[Entry]) -> None:
        """Messages for a box that nobody asks yet, their ids ascending over all calls."""
        (words,) = self.db.execute("SELECT words FROM boxes WHERE id = ?", (box,)).fetchone()
        numbered = [(self._ascending(box, entry.stem), entry) for entry in entries]
        self.db.executemany(_INSERT, [(number, box, *entry.values) for number, entry in numbered])
        self.db.executemany(_MENTION, [(mention, number) for number, entry in numbered for mention in entry.mentions])
        if self.full_text:
            self.db.executemany(_WORDS.format(words), [(number, *entry.words) for number, entry in numbered])

    def make_live(self, box: int, place: Place, stamp: Stamp) -> None:
        """From now on a filled box is the one that is asked; the one before is to be cleared."""
        self._next.pop(box, None)
        self._live.pop(place, None)
        counted = "SELECT count(*), coalesce(sum(unread), 0) FROM messages WHERE box = ?"
        total, unread = self.db.execute(counted, (box,)).fetchone()
        self.db.execute("UPDATE boxes SET live = 0 WHERE mailbox = ? AND folder = ?", (place.mailbox, place.folder))
        change = (
            "UPDATE boxes SET live = 1, total = ?, unread = ?, dev = ?, ino = ?, mtime_ns = ?, uid = ? WHERE id = ?"
        )
        self.db.execute(change, (total, unread, *stamp, box))

    def renew_words(self) -> None:
        """Boxes from now on have another table of words, without what nobody can take out of this one."""
        (self.words,) = self.db.execute("UPDATE meta SET words = words + 1 RETURNING words").fetchone()
        self.full_text = indexdb.make_words(self.db, self.words)

    def retire(self, places: frozenset[Place]) -> None:
        """Boxes of other places are asked no more."""
        for box, mailbox, folder in self.db.execute("SELECT id, mailbox, folder FROM boxes WHERE live").fetchall():
            if Place(folder, mailbox) not in places:
                self.db.execute("UPDATE boxes SET live = 0 WHERE id = ?", (box,))
        self._live.clear()

    def sweep(self) -> None:
        """What belongs to no box: tables of words, numbers that must not be used again."""
        used = {self.words, *(row[0] for row in self.db.execute("SELECT DISTINCT words FROM boxes"))}
        tables = self.db.execute("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'").fetchall()
        for (name,) in tables:
            if int(name.removeprefix("words")) not in used:
                self.db.execute(f"DROP TABLE {name}")
        self.db.execute(f"DELETE FROM dead WHERE {indexkey.BOX_OF_ID} NOT IN (SELECT id FROM boxes)")

    def garbage(self) -> int:
        """Octets of words that are found no more and cannot be taken out."""
        return int(self.db.execute("SELECT coalesce(sum(octets), 0) FROM dead").fetchone()[0])

    def merge(self) -> bool:
        """Make searches faster again after much was added: a part of the work. Returns: whether there is more."""
        if not self.full_text:
            return False
        before = self.db.total_changes
        indexdb.configure(self.db, self.words, "automerge", limits.INDEX_SEGMENTS_MERGED)
        indexdb.configure(self.db, self.words, "merge", limits.INDEX_MERGE_PAGES)
        return self.db.total_changes - before > 3  # the two commands themselves, and the option's row

    def stamp(self, place: Place, stamp: Stamp) -> None:
        """The rows of a box are what the directory held then."""
        change = "UPDATE boxes SET dev = ?, ino = ?, mtime_ns = ?, uid = ? WHERE mailbox = ? AND folder = ? AND live"
        self.db.execute(change, (*stamp, place.mailbox, place.folder))

    def forget(self, mailbox: str) -> list[int]:
        """Nobody asks the boxes of this mailbox any more; which they were."""
        self._live = {place: live for place, live in self._live.items() if place.mailbox != mailbox}
        query = "UPDATE boxes SET live = 0 WHERE mailbox = ? AND live RETURNING id"
        return [row[0] for row in self.db.execute(query, (mailbox,)).fetchall()]

    def unused(self) -> list[int]:
        """Boxes that nobody asks any more, or that were not finished."""
        return [row[0] for row in self.db.execute("SELECT id FROM boxes WHERE NOT live")]

    def clear(self, box: int) -> bool:
        """Take away a part of a box that nobody asks. Returns: whether there is more."""
        query = f"SELECT id, text_hash, {_IDENTIFIERS} FROM messages WHERE box = ? LIMIT ?"
        rows = self.db.execute(query, (box, limits.INDEX_BATCH_ROWS)).fetchall()
        for number, _, *identifiers in rows:
            self._remention(number, indexrow.mentioned(*identifiers), frozenset())
        self.db.executemany("DELETE FROM messages WHERE id = ?", [row[:1] for row in rows])
        if rows:
            return True
        self.db.execute("DELETE FROM boxes WHERE id = ?", (box,))
        return False

    # Rows

    def _insert(self, box: int, words: int, number: int, entry: Entry) -> None:
        self.db.execute(_INSERT, (number, box, *entry.values))
        if entry.mentions:
            self.db.executemany(_MENTION, [(mention, number) for mention in entry.mentions])
        if self.full_text:
            self.db.execute(_WORDS.format(words), (number, *entry.words))

    def _delete(self, number: int, text_hash: int, identifiers: Iterable[str]) -> None:
        self.db.execute("DELETE FROM messages WHERE id = ?", (number,))
        self._remention(number, indexrow.mentioned(*identifiers), frozenset())
        self.db.execute("INSERT OR IGNORE INTO dead VALUES (?, ?)", (number, indexrow.octets(text_hash)))

    def _remention(self, number: int, before: frozenset[int], now: frozenset[int]) -> None:
        gone = [(mention, number) for mention in before - now]
        if gone:
            self.db.executemany("DELETE FROM mentions WHERE number = ? AND id = ?", gone)
        if now - before:
            self.db.executemany(_MENTION, [(mention, number) for mention in now - before])

    def _count(self, box: int, total: int, unread: int) -> None:
        if total or unread:
            change = "UPDATE boxes SET total = total + ?, unread = unread + ? WHERE id = ?"
            self.db.execute(change, (total, unread, box))

    def _number(self, box: int, stem: str) -> int:
        """A number that was never used, in the order of ids while there is room."""
        wanted = indexkey.place(stem)
        for second in range(wanted, indexkey.SECONDS):
            number = self._highest(indexkey.first(box, second), indexkey.last(box, second)) + 1
            if number <= indexkey.last(box, second):
                break
        else:
            raise sqlite3.DatabaseError("all numbers of a box were used")
        if second != wanted:
            self.db.execute("UPDATE boxes SET disordered = 1 WHERE id = ?", (box,))
        return number

    def _highest(self, first: int, last: int) -> int:
        query = (
            "SELECT max(coalesce((SELECT max(id) FROM messages WHERE id BETWEEN ?1 AND ?2), ?1 - 1),"
            " coalesce((SELECT max(id) FROM dead WHERE id BETWEEN ?1 AND ?2), ?1 - 1))"
        )
        return int(self.db.execute(query, (first, last)).fetchone()[0])

    def _ascending(self, box: int, stem: str) -> int:
        """The same for a box that is being filled in order, without looking."""
        wanted = indexkey.place(stem)
        second, counted = self._next.get(box, (-1, 0))
        if wanted > second:
            second, counted = wanted, 0
        elif counted == indexkey.COUNTED:
            second, counted = second + 1, 0
            if second == indexkey.SECONDS:
                raise sqlite3.DatabaseError("all numbers of a box were used")
        if second != wanted:
            self.db.execute("UPDATE boxes SET disordered = 1 WHERE id = ?", (box,))
        self._next[box] = (second, counted + 1)
        return indexkey.first(box, second) + counted
