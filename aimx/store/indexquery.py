"""A box of index.db, asked: rows that a query wants, newest id first, as far as they are taken.

Every stream is lazy. One that has worked for too long ends with a `Stop` that says how far it came.
"""

import heapq
import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from math import ceil
from typing import Any, NamedTuple

from aimx import limits
from aimx.model.query import Query, Term
from aimx.store import indexdb, indexkey, indexrow, indexwords
from aimx.store.browse import Place
from aimx.store.indexkey import Key

_AT = {name: position + 1 for position, name in enumerate(indexrow.COLUMNS)}
_STEM = _AT["stem"]
_LAST = "\U0010ffff"  # a mailbox after all others
_FIRST_ROWS, _GROWTH = 64, 4
Period = tuple[int, int]  # from this second on, up to before that one
Row = tuple[Any, ...]  # id, then indexrow.COLUMNS


class Box(NamedTuple):
    """A live row of boxes."""

    id: int
    words: int
    disordered: bool
    total: int
    unread: int
    place: Place


class Stop(NamedTuple):
    """The time is over; everything up to this place has been looked at."""

    key: Key


class Candidate(NamedTuple):
    """A row that the index says is wanted."""

    key: Key
    row: Row


Stream = Iterator[Candidate | Stop]


class Asked(NamedTuple):
    """What is asked of every box: `after` is the last row of the page before, `over` says when to stop.

    `skip`: rows that SQLite is to leave out (see `can_skip`).
    `full_text`: whether words are in the index; otherwise `words` reads the message.
    """

    query: Query
    after: Key | None
    over: Callable[[], bool]
    full_text: bool
    words: Callable[[Place, Row], tuple[str, ...]]
    chunk: int = _FIRST_ROWS
    skip: int = 0


def box(db: sqlite3.Connection, place: Place) -> Box | None:
    """The box that is asked; None: it has not been built."""
    query = "SELECT id, words, disordered, total, unread FROM boxes WHERE mailbox = ? AND folder = ? AND live"
    row = db.execute(query, (place.mailbox, place.folder)).fetchone()
    return Box(*(*row, place)) if row is not None else None


def stream(db: sqlite3.Connection, box: Box, asked: Asked) -> Stream:
    """The rows of one box that are wanted."""
    terms = tuple(term for term in asked.query.terms if indexwords.words(term.text))
    if not terms:
        return _listing(db, box, asked)
    positive = tuple(term for term in terms if not term.negated)
    if not asked.full_text or not positive or _few(db, box, asked.query):
        return _tested(db, box, asked, terms)
    if box.disordered:
        numbers = _first_numbers(db, box, _expression(terms))
        return _tested(db, box, asked, terms) if numbers is None else _wanted(box, asked, _rows(db, numbers))
    period = _period(asked.query)
    if period is None:
        return _hits(db, box, asked, terms)
    return merged([_hits(db, box, asked, terms, period), _tested(db, box, asked, terms, strange=True)])


def _few(db: sqlite3.Connection, box: Box, query: Query) -> bool:
    """Whether what is asked for besides words leaves so few messages that each can be tested."""
    if query.thread or (query.unread and box.unread <= limits.SEARCH_FEW):
        return True
    if not query.has_attachment:
        return False
    counted = (
        "SELECT count(*) FROM (SELECT 1 FROM messages INDEXED BY messages_with_files"
        " WHERE box = ? AND attachments > 0 LIMIT ?)"
    )
    return bool(db.execute(counted, (box.id, limits.SEARCH_FEW + 1)).fetchone()[0] <= limits.SEARCH_FEW)


def can_skip(query: Query) -> bool:
    """Whether SQLite can leave rows of a box out by itself."""
    return not query.terms and query.since is None and query.before is None


def row(db: sqlite3.Connection, place: Place, stem: str) -> Row | None:
    """One message."""
    query = (
        f"SELECT m.id, {_of_messages()} FROM boxes b JOIN messages m ON m.box = b.id"
        " WHERE b.mailbox = ? AND b.folder = ? AND b.live AND m.stem = ?"
    )
    found: Row | None = db.execute(query, (place.mailbox, place.folder, stem)).fetchone()
    return found


def mentioning(db: sqlite3.Connection, boxes: Iterable[Box], numbers: Iterable[int]) -> list[tuple[Place, Row]]:
    """Messages of these boxes that have or name one of these Message-IDs (by number; see indexrow.number)."""
    places = {box.id: box.place for box in boxes}
    found = []
    for number in numbers:
        query = (
            f"SELECT m.box, m.id, {_of_messages()} FROM mentions n JOIN messages m ON m.id = n.id WHERE n.number = ?"
            f" AND m.box IN ({', '.join(map(str, places))}) LIMIT ?"
        )
        rows = db.execute(query, (number, limits.CONVERSATION_ROWS))
        found += [(places[row[0]], row[1:]) for row in rows]
    return found


def value(row: Row, name: str) -> Any:
    """A column of a row."""
    return row[_AT[name]]


def wanted(query: Query, row: Row) -> bool:
    """Whether a row is what a query asks for, words aside."""
    at = value(row, "received_at")
    return (
        (query.unread is None or bool(value(row, "unread")) == query.unread)
        and (query.has_attachment is None or (value(row, "attachments") > 0) == query.has_attachment)
        and (not query.thread or value(row, "thread_id") == query.thread)
        and (query.since is None or at >= query.since)
        and (query.before is None or at < query.before)
    )


# Lists


def _listing(db: sqlite3.Connection, box: Box, asked: Asked, only_strange: bool = False) -> Stream:
    """By id, through the index that fits; ids of a period are those between two names, but for strange ones."""
    query = asked.query
    period = _period(query)
    if period is None:
        return _chunks(db, box, asked, (), ())
    since, before = period
    strange = _chunks(db, box, asked, ("strange", "received_at >= ?", "received_at < ?"), (since, before))
    if only_strange:
        return strange
    names = (indexkey.prefix(since), indexkey.prefix(before))
    return merged([_chunks(db, box, asked, ("NOT strange", "stem >= ?", "stem < ?"), names), strange])


def _period(query: Query) -> Period | None:
    """The seconds that are asked for; None: all."""
    if query.since is None and query.before is None:
        return None
    since = ceil(query.since) if query.since is not None else 0
    before = ceil(query.before) if query.before is not None else indexkey.SECONDS - 1
    return min(max(since, 0), indexkey.SECONDS - 1), min(max(before, 0), indexkey.SECONDS - 1)


def _chunks(
    db: sqlite3.Connection, box: Box, asked: Asked, conditions: tuple[str, ...], values: tuple[object, ...]
) -> Stream:
    query, after = asked.query, asked.after
    index = "messages_by_id"
    for wanted, condition, value, better in (
        (query.has_attachment is not None, f"attachments {'>' if query.has_attachment else '='} 0", None,
         "messages_with_files" if query.has_attachment else index),
        (query.unread is not None, "unread = ?", query.unread, "messages_unread"),
        (bool(query.thread), "thread_id = ?", query.thread, "messages_by_thread"),
    ):  # fmt: skip
        if wanted:
            conditions += (condition,)
            values += (value,) if value is not None else ()
            index = better
    if "strange" in conditions and index == "messages_by_id":
        index = "messages_strange"
    same = after is not None and (box.place.mailbox, box.place.folder) > (after.mailbox, after.folder)
    bound: tuple[str, str] | None = ("<=" if same else "<", after.stem) if after is not None else None
    size, skip = asked.chunk, asked.skip
    while True:
        where = " AND ".join(("box = ?", *((f"stem {bound[0]} ?",) if bound else ()), *conditions))
        source = f"FROM messages INDEXED BY {index} WHERE {where} ORDER BY stem DESC LIMIT ?"
        given = (box.id, *((bound[1],) if bound else ()), *values)
        if skip:  # over the names alone, which are in the index
            skipped = db.execute(f"SELECT stem {source} OFFSET ?", (*given, 1, skip - 1)).fetchone()
            if skipped is None:
                return
            bound, skip = ("<", skipped[0]), 0
            continue
        rows = db.execute(f"SELECT id, {indexdb.SELECTED} {source}", (*given, size)).fetchall()
        for row in rows:
            yield _candidate(box, row)
        if len(rows) < size:
            return
        bound, size = ("<", rows[-1][_STEM]), min(size * _GROWTH, limits.SEARCH_ROWS)


# Searches


def _tested(db: sqlite3.Connection, box: Box, asked: Asked, terms: tuple[Term, ...], strange: bool = False) -> Stream:
    """Message by message, where few are to be tested or only what they must not hold is known."""
    positive = indexwords.expression(tuple(term for term in terms if not term.negated))
    negative = indexwords.either(tuple(term for term in terms if term.negated))
    listed = _listing(db, box, asked, strange)
    size = _FIRST_ROWS
    while batch := [found for found in itertools.islice(listed, size) if isinstance(found, Candidate)]:
        if not asked.full_text:
            kept = [found for found in batch if indexwords.match(terms, asked.words(box.place, found.row))]
        else:
            numbers = [found.row[0] for found in batch]
            good = _holding(db, box, positive, numbers) if positive else set(numbers)
            bad = _holding(db, box, negative, numbers) if negative else set()
            kept = [found for found in batch if found.row[0] in good and found.row[0] not in bad]
        yield from kept
        if asked.over():
            yield Stop(batch[-1].key)
            return
        size = min(size * _GROWTH, limits.SEARCH_TESTED) if asked.full_text else _FIRST_ROWS


def _holding(db: sqlite3.Connection, box: Box, expression: str, numbers: list[int]) -> set[int]:
    """Which of these messages hold words: all hits between them at once, or one by one where there are too many."""
    query = f"SELECT rowid FROM words{box.words} WHERE words{box.words} MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?"
    most = len(numbers) * _GROWTH
    between = db.execute(query, (expression, min(numbers), max(numbers), most + 1)).fetchall()
    if len(between) <= most:
        return {row[0] for row in between}.intersection(numbers)
    query = f"SELECT rowid FROM words{box.words} WHERE words{box.words} MATCH ? AND rowid = ?"
    return {number for number in numbers if db.execute(query, (expression, number)).fetchone() is not None}


def _hits(
    db: sqlite3.Connection, box: Box, asked: Asked, terms: tuple[Term, ...], period: Period | None = None
) -> Stream:
    """By words first: their numbers come newest first, and stand in the order of ids but within one second."""
    held: list[Row] = []
    for numbers in _numbers(db, box, asked, _expression(terms), period):
        held += _rows(db, numbers)
        border = indexkey.second_of(numbers[-1]) if numbers else -1
        ready = [row for row in held if indexkey.second_of(row[0]) > border]
        held = [row for row in held if indexkey.second_of(row[0]) <= border]
        yield from _wanted(box, asked, ready, timed=period is not None)
        if 0 <= border < indexkey.SECONDS - 1 and asked.over():
            yield Stop(Key(indexkey.prefix(border + 1), _LAST, ""))
            return


def _expression(terms: tuple[Term, ...]) -> str:
    positive = indexwords.expression(tuple(term for term in terms if not term.negated))
    negative = indexwords.either(tuple(term for term in terms if term.negated))
    return f"({positive}) NOT ({negative})" if negative else positive


def _first_numbers(db: sqlite3.Connection, box: Box, expression: str) -> list[int] | None:
    """Numbers of all hits; None when there are more than are looked at together."""
    query = f"SELECT rowid FROM words{box.words} WHERE words{box.words} MATCH ? AND rowid BETWEEN ? AND ? LIMIT ?"
    bounds = (indexkey.first(box.id), indexkey.last(box.id))
    rows = db.execute(query, (expression, *bounds, limits.SEARCH_ROWS + 1)).fetchall()
    return [row[0] for row in rows] if len(rows) <= limits.SEARCH_ROWS else None


def _numbers(
    db: sqlite3.Connection, box: Box, asked: Asked, expression: str, period: Period | None
) -> Iterator[list[int]]:
    """Numbers of hits, descending, some at a time; at the end an empty list."""
    lowest, highest = indexkey.first(box.id), indexkey.last(box.id)
    if asked.after is not None:
        highest = indexkey.last(box.id, indexkey.place(asked.after.stem))
    if period is not None:
        lowest = max(lowest, indexkey.first(box.id, period[0]))
        highest = min(highest, indexkey.first(box.id, period[1]) - 1)
    query = (
        f"SELECT rowid FROM words{box.words} WHERE words{box.words} MATCH ? AND rowid BETWEEN ? AND ?"
        " ORDER BY rowid DESC LIMIT ?"
    )
    size = asked.chunk
    while True:
        rows = db.execute(query, (expression, lowest, highest, size)).fetchall()
        numbers = [row[0] for row in rows]
        if numbers:
            yield numbers
        if len(numbers) < size:
            break
        highest, size = numbers[-1] - 1, min(size * _GROWTH, limits.SEARCH_ROWS)
    yield []


def _rows(db: sqlite3.Connection, numbers: list[int]) -> list[Row]:
    listed = ", ".join(map(str, numbers))
    return (
        db.execute(f"SELECT id, {indexdb.SELECTED} FROM messages WHERE id IN ({listed})").fetchall() if listed else []
    )


def _wanted(box: Box, asked: Asked, rows: list[Row], timed: bool = False) -> Stream:
    for row in sorted(rows, key=lambda row: row[_STEM], reverse=True):
        if timed and value(row, "strange"):
            continue
        found = _candidate(box, row)
        if (asked.after is None or asked.after < found.key) and wanted(asked.query, row):
            yield found


def _candidate(box: Box, row: Row) -> Candidate:
    return Candidate(Key(row[_STEM], box.place.mailbox, box.place.folder), row)


def _of_messages() -> str:
    return ", ".join(f"m.{name}" for name in indexrow.COLUMNS)


def merged(streams: list[Stream]) -> Stream:
    """Several streams as one, in the order of keys."""
    if not streams:
        return iter(())
    return iter(heapq.merge(*streams, key=lambda found: found.key)) if len(streams) > 1 else streams[0]
