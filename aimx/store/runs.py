"""Hook runs as state.db has them: past, running and waiting. Reads; each function is one unit of work for State.run."""

import heapq
import itertools
import sqlite3
from collections.abc import Iterator
from typing import Any

import msgspec

from aimx.model.hook import HookRun, Recorded, RunsAsked

_STATES = {"held": "waiting", "pending": "waiting", "started": "running"}
_COLUMNS = (
    "id, hook, mailbox, event, email_id, state, message = 0, created, started, ended, exit_code, timed_out,"
    " duration_ms, stderr_tail, reason, cpu_ms, peak_octets"
)
_env = msgspec.msgpack.Decoder(dict[str, str]).decode


def newest(db: sqlite3.Connection, asked: RunsAsked) -> tuple[HookRun, ...]:
    """The newest first. By mailbox, each in the order of its index, so that a page costs a page."""
    if asked.mailboxes is None:
        found: Iterator[Any] = _rows(db, asked, None)
    else:
        each = [_rows(db, asked, mailbox) for mailbox in asked.mailboxes]
        found = heapq.merge(*each, key=lambda row: -row[0])
    return tuple(map(_run, itertools.islice(found, asked.limit)))


def _rows(db: sqlite3.Connection, asked: RunsAsked, mailbox: str | None) -> Iterator[Any]:
    wanted = {"mailbox": mailbox, "hook": asked.hook, "email_id": asked.email_id, "owner_uid": asked.uid}
    given = {column: value for column, value in wanted.items() if value is not None}
    where = " AND ".join(f"{'+' if column != 'mailbox' else ''}{column} = ?" for column in given) or "1"
    query = f"SELECT {_COLUMNS} FROM jobs WHERE {where} ORDER BY id DESC LIMIT ?"
    return iter(db.execute(query, (*given.values(), asked.limit)).fetchall())


def _run(row: Any) -> HookRun:
    values = list(row)
    values[5] = _STATES.get(row[5], row[5])
    values[6] = bool(row[6])
    values[11] = None if row[11] is None else bool(row[11])
    return HookRun(*values)


def recorded(db: sqlite3.Connection, hook: str, mailbox: tuple[str, int], event: str, email_id: str) -> Recorded | None:
    """What was recorded for the hooks of a mail when it came or went; of this hook, else of another one.

    `mailbox`: its name and its owner. Whoever has the name next may give a file the id of a mail that is gone.
    """
    query = (
        "SELECT env, conversation FROM jobs WHERE mailbox = ? AND +owner_uid = ? AND +email_id = ? AND +event = ?"
        " AND state != 'skipped' AND message != 0 ORDER BY hook = ? DESC, id DESC LIMIT 1"
    )
    row = db.execute(query, (*mailbox, email_id, event, hook)).fetchone()
    return Recorded(_env(row[0]), row[1]) if row is not None else None
