"""Hook jobs as rows: pending → started (durable before the spawn) → done | interrupted; or skipped."""

import sqlite3
from typing import Any

import msgspec


class JobRow(msgspec.Struct, frozen=True, array_like=True):
    """One runnable job. `message` groups the jobs of one mail, which run in order."""

    id: int
    hook: str
    mailbox: str
    event: str
    folder: str
    email_id: str
    path: str
    message: int
    env: dict[str, str]
    conversation: str


_COLUMNS = "id, hook, mailbox, event, folder, email_id, path, message, env, conversation"
_env = msgspec.msgpack.Decoder(dict[str, str]).decode


def pending(db: sqlite3.Connection, after: int, count: int) -> list[JobRow]:
    """Pending jobs with an id above `after`, oldest first."""
    query = f"SELECT {_COLUMNS} FROM jobs WHERE state = 'pending' AND id > ? ORDER BY id LIMIT ?"
    return [_row(row) for row in db.execute(query, (after, count))]


def _row(row: Any) -> JobRow:
    return msgspec.convert([*row[:8], _env(row[8]), row[9]], JobRow)


def start(db: sqlite3.Connection, job_id: int, now: float) -> bool:
    """Claim a job; durable when the transaction is, so that no crash runs it twice."""
    query = "UPDATE jobs SET state = 'started', started = ? WHERE id = ? AND state = 'pending'"
    return db.execute(query, (now, job_id)).rowcount == 1


def finish(db: sqlite3.Connection, job_id: int, now: float, result: tuple[int, bool, int, str, str | None]) -> None:
    """Record how a run ended: exit_code, timed_out, duration_ms, stderr_tail, reason."""
    db.execute(
        "UPDATE jobs SET state = 'done', ended = ?, exit_code = ?, timed_out = ?, duration_ms = ?, stderr_tail = ?,"
        " reason = ? WHERE id = ?",
        (now, *result, job_id),
    )


def skip(db: sqlite3.Connection, job_id: int, now: float, reason: str) -> None:
    """Record that a job will not run."""
    db.execute("UPDATE jobs SET state = 'skipped', ended = ?, reason = ? WHERE id = ?", (now, reason, job_id))


def interrupt_started(db: sqlite3.Connection, now: float) -> int:
    """After a crash: what had started did not end under our eyes, and is never started again."""
    query = "UPDATE jobs SET state = 'interrupted', ended = ?, reason = 'daemon-restart' WHERE state = 'started'"
    return db.execute(query, (now,)).rowcount
