"""Hook jobs as rows: (held →) pending → started (durable before the spawn) → done | interrupted; or skipped."""

import sqlite3
from typing import Any, NamedTuple

import msgspec

from aimx import limits
from aimx.model.config import HookEvent
from aimx.model.event import HookFinished
from aimx.store import eventlog

RESTART = "daemon-restart"  # why a run did not end: the daemon was killed


Mail = tuple[str, str, str, str, int]  # what the jobs of one mail in one mailbox share


class JobRow(msgspec.Struct, frozen=True, array_like=True):
    """One runnable job."""

    id: int
    hook: str
    mailbox: str
    event: HookEvent
    folder: str
    email_id: str
    path: str
    message: int
    env: dict[str, str]
    conversation: str

    @property
    def mail(self) -> Mail:
        """Whose jobs run in order, one after another.

        `message` tells sends apart that left no record and so have no id.
        """
        return (self.event, self.folder, self.mailbox, self.email_id, self.message)


COLUMNS = "id, hook, mailbox, event, folder, email_id, path, message, env, conversation"
_TEST = 0  # as `message`; those of mail begin at 1
_pack = msgspec.msgpack.Encoder().encode
_env = msgspec.msgpack.Decoder(dict[str, str]).decode


def pending(db: sqlite3.Connection) -> list[JobRow]:
    """Every pending job, oldest first."""
    return [row_of(row) for row in db.execute(f"SELECT {COLUMNS} FROM jobs WHERE state = 'pending' ORDER BY id")]


def of_mail(db: sqlite3.Connection, mailbox: str, email_id: str) -> list[JobRow]:
    """The pending jobs of one received mail, in order."""
    query = (
        f"SELECT {COLUMNS} FROM jobs WHERE state = 'pending' AND folder = 'inbox' AND mailbox = ? AND email_id = ?"
        " ORDER BY id"
    )
    return [row_of(row) for row in db.execute(query, (mailbox, email_id))]


def row_of(row: Any) -> JobRow:
    """A job from its COLUMNS."""
    return msgspec.convert([*row[:8], _env(row[8]), row[9]], JobRow)


def _counted(since: float) -> tuple[float, float]:
    """The window of a budget that counts from here. What a clock that was ahead has dated is not used up for years."""
    return since, since + limits.HOOK_BUDGET_WINDOW_S + limits.CLOCK_AHEAD_S


def fires(db: sqlite3.Connection, hook: str, conversation: str, since: float) -> int:
    """How often a hook was started for a conversation (U5)."""
    query = "SELECT count(*) FROM jobs WHERE hook = ? AND conversation = ? AND started > ? AND started <= ?"
    return int(db.execute(query, (hook, conversation, *_counted(since))).fetchone()[0])


def frees(db: sqlite3.Connection, hook: str, conversation: str, since: float, most: int) -> float | None:
    """The start whose end of counting leaves room in a budget that is used up; None when there is room."""
    query = (
        "SELECT started FROM jobs WHERE hook = ? AND conversation = ? AND started > ? AND started <= ?"
        " ORDER BY started DESC LIMIT 1 OFFSET ?"
    )
    row = db.execute(query, (hook, conversation, *_counted(since), most - 1)).fetchone()
    return row[0] if row is not None else None


def waits(db: sqlite3.Connection, job_id: int) -> bool:
    """Whether a job is still pending: a row that was read a moment ago may have run meanwhile."""
    return db.execute("SELECT 1 FROM jobs WHERE id = ? AND state = 'pending'", (job_id,)).fetchone() is not None


class Start(NamedTuple):
    """What becomes durable before a program starts. `uid`: whom it runs as.

    `unit` and `token` are kept for a run that outlives its daemon; both None: it ends with it.
    """

    now: float
    uid: int
    unit: str | None = None
    token: str | None = None


def start(db: sqlite3.Connection, job_id: int, begun: Start) -> bool:
    """Claim a job; durable when the transaction is, so that no crash runs it twice."""
    query = (
        "UPDATE jobs SET state = 'started', started = ?, owner_uid = ?, unit = ?, token = ?"
        " WHERE id = ? AND state = 'pending'"
    )
    return db.execute(query, (*begun, job_id)).rowcount == 1


def unit(db: sqlite3.Connection, job_id: int) -> str:
    """A name for a run that none had or will have: a state.db that is lost and begun anew has another epoch."""
    return f"{unit_prefix(db)}{job_id}.service"


def unit_prefix(db: sqlite3.Connection) -> str:
    """How the names of all runs of this state.db begin."""
    (epoch,) = db.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    return f"aimx-hook-{epoch}-"


def insert_test(db: sqlite3.Connection, job: JobRow, now: float, uid: int) -> int:
    """A run that was asked for: never queued, and in no conversation, so that no budget counts it; yet to `start`."""
    row = (*msgspec.structs.astuple(job)[1:6], job.path, _TEST, _pack(job.env), "", now, uid)
    query = (
        "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation, created,"
        " owner_uid) VALUES ('pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    return int(db.execute(query, row).lastrowid or 0)


class Outliving(NamedTuple):
    """A run that an earlier daemon started and that did not end with it."""

    row: JobRow
    unit: str
    token: str
    started: float
    uid: int


def outliving(db: sqlite3.Connection) -> list[Outliving]:
    """Runs whose end nobody has recorded, oldest first."""
    query = f"SELECT unit, token, started, owner_uid, {COLUMNS} FROM jobs WHERE state = 'started' ORDER BY id"
    return [Outliving(row_of(row[4:]), row[0], row[1] or "", row[2], row[3]) for row in db.execute(query) if row[0]]


class Result(NamedTuple):
    """How a run ended; `interrupted` as `reason` is a state of its own."""

    exit_code: int
    timed_out: bool
    duration_ms: int
    stderr_tail: str
    reason: str | None
    cpu_ms: int | None
    peak_octets: int | None


def finish(db: sqlite3.Connection, job_id: int, now: float, result: Result) -> bool:
    """Record how a run ended, unless that is known."""
    state = "interrupted" if result.reason in ("interrupted", RESTART) else "done"
    query = (
        "UPDATE jobs SET state = ?, token = NULL, ended = ?, exit_code = ?, timed_out = ?, duration_ms = ?,"
        " stderr_tail = ?, reason = ?, cpu_ms = ?, peak_octets = ? WHERE id = ? AND state = 'started'"
    )
    return db.execute(query, (state, now, *result, job_id)).rowcount == 1


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
    """After a crash: what had started, and ended with the daemon, did not end under our eyes and never starts again.

    Returns:
        The events that tell so, logged; to whom it ran as, whoever has the mailbox by now.
    """
    query = (
        "SELECT id, hook, mailbox, email_id, owner_uid FROM jobs WHERE state = 'started' AND unit IS NULL ORDER BY id"
    )
    rows = db.execute(query).fetchall()
    query = "UPDATE jobs SET state = 'interrupted', ended = ?, reason = ? WHERE state = 'started' AND unit IS NULL"
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
