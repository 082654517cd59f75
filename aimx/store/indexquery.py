"""A box of index.db, asked: rows that a query wants, newest id first, as far as they are taken.

Every stream is lazy. One that has worked for too long ends with a `Stop` that says how far it came.
"""

import heapq
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
    few = asked.query.thread or (asked.query.unread and box.unread <= limits.SEARCH_FEW)
    if asked.full_text and positive and not few:
        return _hits(db, box, asked, terms)
    return _tested(db, box, asked, terms)


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


def _listing(db: sqlite3.Connection, box: Box, asked: Asked) -> Stream:
    """By id, through the index that fits; ids of a period are those between two names, but for strange ones."""
    query = asked.query
    if query.since is None and query.before is None:
        yield from _chunks(db, box, asked, (), ())
        return
    since = ceil(query.since) if query.since is not None else 0
    before = ceil(query.before) if query.before is not None else indexkey.SECONDS
    since, before = (min(max(second, 0), indexkey.SECONDS - 1) for second in (since, before))
    named = _chunks(db, box, asked, ("NOT strange", "stem >= ?", "stem < ?"),
                    (indexkey.prefix(since), indexkey.prefix(before)))  # fmt: skip
    strange = _chunks(db, box, asked, ("strange", "received_at >= ?", "received_at < ?"), (since, before))
    yield from merged([named, strange])


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
    size, offset = asked.chunk, asked.skip
    while True:
        where = " AND ".join(("box = ?", *((f"stem {bound[0]} ?",) if bound else ()), *conditions))
        rows = db.execute(
            f"SELECT id, {indexdb.SELECTED} FROM messages INDEXED BY {index} WHERE {where}"
            " ORDER BY stem DESC LIMIT ? OFFSET ?",
            (box.id, *((bound[1],) if bound else ()), *values, size, offset),
        ).fetchall()
        for row in rows:
            yield _candidate(box, row)
        if len(rows) < size:
            return
        bound, offset, size = ("<", rows[-1][_STEM]), 0, min(size * _GROWTH, limits.SEARCH_ROWS)


# Searches


def _tested(db: sqlite3.Connection, box: Box, asked: Asked, terms: tuple[Term, ...]) -> Stream:
    """Message by message, where few are to be tested or only what they must not hold is known."""
    positive = indexwords.expression(tuple(term for term in terms if not term.negated))
    negative = indexwords.either(tuple(term for term in terms if term.negated))
    query = f"SELECT 1 FROM words{box.words} WHERE words{box.words} MATCH ? AND rowid = ?"

    def has(expression: str, number: int) -> bool:
        return db.execute(query, (expression, number)).fetchone() is not None

    def holds(row: Row) -> bool:
        if not asked.full_text:
            return indexwords.match(terms, asked.words(box.place, row))
        if positive and not has(positive, row[0]):
            return False
        return not (negative and has(negative, row[0]))

    for number, found in enumerate(_listing(db, box, asked)):
        if isinstance(found, Candidate) and not holds(found.row):
            if number % _FIRST_ROWS == 0 and number and asked.over():
                yield Stop(found.key)
                return
            continue
        yield found


def _hits(db: sqlite3.Connection, box: Box, asked: Asked, terms: tuple[Term, ...]) -> Stream:
    """By words first: their numbers come newest first, and stand in the order of ids but within one second."""
    expression = indexwords.expression(tuple(term for term in terms if not term.negated))
    negative = indexwords.either(tuple(term for term in terms if term.negated))
    if negative:
        expression = f"({expression}) NOT ({negative})"
    held: list[Row] = []
    for numbers in _numbers(db, box, asked, expression):
        held += _rows(db, numbers)
        if box.disordered and numbers:
            continue
        border = indexkey.second_of(numbers[-1]) if numbers else -1
        ready = [row for row in held if indexkey.second_of(row[0]) > border]
        held = [row for row in held if indexkey.second_of(row[0]) <= border]
        yield from _wanted(box, asked, ready)
        if 0 <= border < indexkey.SECONDS - 1 and asked.over():
            yield Stop(Key(indexkey.prefix(border + 1), _LAST, ""))
            return


def _numbers(db: sqlite3.Connection, box: Box, asked: Asked, expression: str) -> Iterator[list[int]]:
    """Numbers of hits, descending, some at a time; at the end an empty list."""
    from_after = asked.after is not None and not box.disordered
    highest = indexkey.last(
        box.id, indexkey.place(asked.after.stem) if from_after and asked.after else indexkey.SECONDS - 1
    )
    query = (
        f"SELECT rowid FROM words{box.words} WHERE words{box.words} MATCH ? AND rowid BETWEEN ? AND ?"
        " ORDER BY rowid DESC LIMIT ?"
    )
    size = asked.chunk
    while True:
        rows = db.execute(query, (expression, indexkey.first(box.id), highest, size)).fetchall()
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


def _wanted(box: Box, asked: Asked, rows: list[Row]) -> Stream:
    for row in sorted(rows, key=lambda row: row[_STEM], reverse=True):
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
