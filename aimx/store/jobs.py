"""Hook jobs as rows: (held →) pending → started (durable before the spawn) → done | interrupted; or skipped."""

import sqlite3
from typing import Any

import msgspec

from aimx.model.event import HookFinished
from aimx.store import eventlog

RESTART = "daemon-restart"  # why a run did not end: the daemon was killed


class JobRow(msgspec.Struct, frozen=True, array_like=True):
    """One runnable job."""

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

    @property
    def mail(self) -> tuple[str, str, str, str, int]:
        """What the jobs of one mail in one mailbox share; they run in order, one after another.

        `message` tells sends apart that left no record and so have no id.
        """
        return (self.event, self.folder, self.mailbox, self.email_id, self.message)


_COLUMNS = "id, hook, mailbox, event, folder, email_id, path, message, env, conversation"
_TEST = 0  # as `message`; those of mail begin at 1
_pack = msgspec.msgpack.Encoder().encode
_env = msgspec.msgpack.Decoder(dict[str, str]).decode


def pending(
    db: sqlite3.Connection, after: int, count: int, hooks: tuple[str, ...] = (), mailboxes: tuple[str, ...] = ()
) -> list[JobRow]:
    """Pending jobs with an id above `after`, oldest first, none of these hooks and of these mailboxes."""
    marks, more = (", ".join("?" * len(without)) for without in (hooks, mailboxes))
    query = (
        f"SELECT {_COLUMNS} FROM jobs WHERE state = 'pending' AND id > ? AND hook NOT IN ({marks})"
        f" AND mailbox NOT IN ({more}) ORDER BY id LIMIT ?"
    )
    return [_row(row) for row in db.execute(query, (after, *hooks, *mailboxes, count))]


def of_mail(db: sqlite3.Connection, mailbox: str, email_id: str) -> list[JobRow]:
    """The pending jobs of one received mail, in order."""
    query = (
        f"SELECT {_COLUMNS} FROM jobs WHERE state = 'pending' AND folder = 'inbox' AND mailbox = ? AND email_id = ?"
        " ORDER BY id"
    )
    return [_row(row) for row in db.execute(query, (mailbox, email_id))]


def earlier(db: sqlite3.Connection, job: JobRow) -> bool:
    """Whether a job of the same mail has to run first."""
    query = (
        "SELECT 1 FROM jobs WHERE state = 'pending' AND id < ? AND event = ? AND folder = ?"
        " AND mailbox = ? AND email_id = ? AND message = ? LIMIT 1"
    )
    return db.execute(query, (job.id, *job.mail)).fetchone() is not None


def _row(row: Any) -> JobRow:
    return msgspec.convert([*row[:8], _env(row[8]), row[9]], JobRow)


def fires(db: sqlite3.Connection, hook: str, conversation: str, since: float) -> int:
    """How often a hook was started for a conversation (U5)."""
    query = "SELECT count(*) FROM jobs WHERE hook = ? AND conversation = ? AND started > ?"
    return int(db.execute(query, (hook, conversation, since)).fetchone()[0])


def waits(db: sqlite3.Connection, job_id: int) -> bool:
    """Whether a job is still pending: a row that was read a moment ago may have run meanwhile."""
    return db.execute("SELECT 1 FROM jobs WHERE id = ? AND state = 'pending'", (job_id,)).fetchone() is not None


def start(db: sqlite3.Connection, job_id: int, now: float, uid: int) -> bool:
    """Claim a job; durable when the transaction is, so that no crash runs it twice."""
    query = "UPDATE jobs SET state = 'started', started = ?, owner_uid = ? WHERE id = ? AND state = 'pending'"
    return db.execute(query, (now, uid, job_id)).rowcount == 1


def start_test(db: sqlite3.Connection, job: JobRow, now: float, uid: int) -> int:
    """A run that was asked for: started at once, never queued, and in no conversation, so that no budget counts it."""
    row = (*msgspec.structs.astuple(job)[1:6], job.path, _TEST, _pack(job.env), "", now, now, uid)
    query = (
        "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation, created,"
        " started, owner_uid) VALUES ('started', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    return int(db.execute(query, row).lastrowid or 0)


def finish(db: sqlite3.Connection, job_id: int, now: float, result: tuple[int, bool, int, str, str | None]) -> None:
    """Record how a run ended: exit_code, timed_out, duration_ms, stderr_tail, reason (`interrupted` is a state)."""
    state = "interrupted" if result[4] == "interrupted" else "done"
    db.execute(
        "UPDATE jobs SET state = ?, ended = ?, exit_code = ?, timed_out = ?, duration_ms = ?, stderr_tail = ?,"
        " reason = ? WHERE id = ?",
        (state, now, *result, job_id),
    )


def release(db: sqlite3.Connection, held: tuple[int, ...]) -> None:
    """What was held until its caller had an answer may run (O5)."""
    db.executemany("UPDATE jobs SET state = 'pending' WHERE id = ? AND state = 'held'", [(job,) for job in held])


def release_all(db: sqlite3.Connection) -> None:
    """After a crash nobody waits for an answer any more."""
    db.execute("UPDATE jobs SET state = 'pending' WHERE state = 'held'")


def skip(db: sqlite3.Connection, job_id: int, now: float, reason: str) -> None:
    """Record that a job will not run."""
    db.execute(
        "UPDATE jobs SET state = 'skipped', ended = ?, reason = ? WHERE id = ? AND state = 'pending'",
        (now, reason, job_id),
    )


def skip_all(db: sqlite3.Connection, mailbox: str, now: float, reason: str) -> list[tuple[str, str]]:
    """No run that still waits for this mailbox will be. Returns: hook and id of the mail of each."""
    waiting = "mailbox = ? AND state IN ('pending', 'held')"
    rows = db.execute(f"SELECT hook, email_id FROM jobs WHERE {waiting} ORDER BY id", (mailbox,)).fetchall()
    query = f"UPDATE jobs SET state = 'skipped', ended = ?, reason = ? WHERE {waiting}"
    db.execute(query, (now, reason, mailbox))
    return rows


def interrupt_started(db: sqlite3.Connection, now: float) -> list[HookFinished]:
    """After a crash: what had started did not end under our eyes, and is never started again.

    Returns:
        The events that tell so, logged; to whom it ran as, whoever has the mailbox by now.
    """
    query = "SELECT id, hook, mailbox, email_id, owner_uid FROM jobs WHERE state = 'started' ORDER BY id"
    rows = db.execute(query).fetchall()
    query = "UPDATE jobs SET state = 'interrupted', ended = ?, reason = ? WHERE state = 'started'"
    db.execute(query, (now, RESTART))
    told = [
        HookFinished(
            at=now, mailbox=mailbox, owner_uid=uid, hook=hook, id=email_id, run=run, exit_code=-1,
            duration_ms=0, timed_out=False, reason=RESTART,
        )
        for run, hook, mailbox, email_id, uid in rows
    ]  # fmt: skip
    for event in told:
        eventlog.append(db, event)
    return told
