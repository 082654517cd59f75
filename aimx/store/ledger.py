"""The rows of a commit: functions from a connection, each one unit of work for State.run."""

import sqlite3
from pathlib import PurePath

import msgspec

from aimx import limits
from aimx.model.event import Event, Received, Spooled
from aimx.store import intent, layout
from aimx.store.intent import Intent, Staged


class Settled(msgspec.Struct, frozen=True):
    """Where one copy of an intent ended: the final stem, or the spool with a reason."""

    staged: Staged
    stem: str
    spooled: str | None = None
    owner_uid: int | None = None


def promise(db: sqlite3.Connection, plan: Intent) -> int:
    """Write the intent; its id."""
    return int(db.execute("INSERT INTO intents (plan) VALUES (?)", (intent.encode(plan),)).lastrowid or 0)


def forget(db: sqlite3.Connection, intent_id: int) -> None:
    """Withdraw an intent that came to nothing."""
    db.execute("DELETE FROM intents WHERE id = ?", (intent_id,))


def pending(db: sqlite3.Connection) -> list[tuple[int, Intent]]:
    """Intents that a crash left behind."""
    return [(row[0], intent.decode(row[1])) for row in db.execute("SELECT id, plan FROM intents ORDER BY id")]


def settle(
    db: sqlite3.Connection, intent_id: int, plan: Intent, settled: tuple[Settled, ...], data_dir: PurePath
) -> list[tuple[int, Event]]:
    """The intent is done: jobs become runnable, events get their numbers, spooled copies their rows."""
    forget(db, intent_id)
    events: list[tuple[int, Event]] = []
    for copy in settled:
        events += settle_copy(db, copy, plan.received_at, intent_id, data_dir)
    return events


def settle_copy(
    db: sqlite3.Connection, copy: Settled, at: float, message: int, data_dir: PurePath
) -> list[tuple[int, Event]]:
    """Rows for one copy, on disk or in the spool."""
    staged = copy.staged
    if copy.spooled is not None:
        db.execute(
            "INSERT INTO spool (mailbox, entry, reason, since, copy) VALUES (?, ?, ?, ?, ?)",
            (staged.mailbox, staged.entry, copy.spooled, at, intent.encode(staged)),
        )
        return [_log(db, Spooled(at=at, mailbox=staged.mailbox, owner_uid=None, reason=copy.spooled))]
    path = str(layout.message_path(data_dir, staged.folder, staged.mailbox, copy.stem, staged.bundle))
    for job in staged.jobs:
        row = ("pending", job.hook, job.mailbox, job.event, staged.folder, copy.stem, path, message)
        _insert_job(db, row, intent.encode(job.env), job.conversation, at, None)
    for skip in staged.skips:
        row = ("skipped", skip.hook, staged.mailbox, "on_receive", staged.folder, copy.stem, path, message)
        _insert_job(db, row, intent.encode({}), "", at, skip.reason)
    received = Received(
        at=at, mailbox=staged.mailbox, owner_uid=copy.owner_uid, id=copy.stem,
        from_=staged.summary.get("from", ""), subject=staged.summary.get("subject", ""),
        trusted=staged.summary.get("trusted", ""), thread_id=staged.summary.get("thread_id", ""),
    )  # fmt: skip
    return [_log(db, received)]


def _insert_job(
    db: sqlite3.Connection, row: tuple[object, ...], env: bytes, conversation: str, at: float, reason: str | None
) -> None:
    db.execute(
        "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, env, conversation, created,"
        " reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, env, conversation, at, reason),
    )


def _log(db: sqlite3.Connection, event: Event) -> tuple[int, Event]:
    text = msgspec.json.encode(event).decode()
    row = (event.at, event.owner_uid, text)
    seq = int(db.execute("INSERT INTO events (at, owner_uid, event) VALUES (?, ?, ?)", row).lastrowid or 0)
    if seq % 1000 == 0:
        db.execute("DELETE FROM events WHERE seq <= ?", (seq - limits.EVENTS_KEPT,))
    return seq, event


log_event = _log


def is_repeat(db: sqlite3.Connection, key: bytes, mailbox: str, now: float) -> bool:
    """Whether this copy repeats one that its peer may believe undelivered (R5). Consumes the row."""
    where = "key = ? AND mailbox = ? AND at > ?"
    return db.execute(f"DELETE FROM repeats WHERE {where}", (key, mailbox, now - limits.REPEAT_S)).rowcount > 0


def note_unseen(db: sqlite3.Connection, key: bytes, mailboxes: tuple[str, ...], now: float) -> None:
    """The peer may not have seen our 250 for these copies."""
    db.execute("DELETE FROM repeats WHERE at <= ?", (now - limits.REPEAT_S,))
    db.executemany("INSERT OR REPLACE INTO repeats VALUES (?, ?, ?)", [(key, mailbox, now) for mailbox in mailboxes])
