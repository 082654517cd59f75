"""The rows of a commit: functions from a connection, each one unit of work for State.run."""

import sqlite3
from pathlib import PurePath

import msgspec

from aimx import limits
from aimx.model.delivery import Conclusion
from aimx.model.event import Event, HookSkipped, Received, Sent, Spooled
from aimx.store import claims, conversations, eventlog, intent, layout
from aimx.store.intent import Intent, Staged


class Settled(msgspec.Struct, frozen=True):
    """Where one copy of an intent ended: the final stem, or the spool with a reason.

    `changed`: the times of its directory before and after it came there, if this process brought it.
    """

    staged: Staged
    stem: str
    spooled: str | None = None
    owner_uid: int | None = None
    changed: tuple[int, int] | None = None


def promise(db: sqlite3.Connection, plan: Intent, withdrawn: list[int]) -> int:
    """Write the intent; its id. `withdrawn`: earlier ones that could not be forgotten at the time."""
    for intent_id in withdrawn:
        forget(db, intent_id)
    return int(db.execute("INSERT INTO intents (plan) VALUES (?)", (intent.encode(plan),)).lastrowid or 0)


def promise_again(db: sqlite3.Connection, intent_id: int, plan: Intent) -> None:
    """The intent with a copy under another name."""
    db.execute("UPDATE intents SET plan = ? WHERE id = ?", (intent.encode(plan), intent_id))


def forget(db: sqlite3.Connection, intent_id: int) -> None:
    """Withdraw an intent that came to nothing."""
    db.execute("DELETE FROM intents WHERE id = ?", (intent_id,))


def pending(db: sqlite3.Connection) -> list[tuple[int, Intent | None]]:
    """Intents that a crash left behind; None: unreadable, and never acknowledged to anybody."""
    return [(row[0], _decoded(row[1])) for row in db.execute("SELECT id, plan FROM intents ORDER BY id")]


def _decoded(plan: bytes) -> Intent | None:
    try:
        return intent.decode(plan)
    except msgspec.MsgspecError:
        return None


def settle(
    db: sqlite3.Connection, intent_id: int, plan: Intent, settled: tuple[Settled, ...], data_dir: PurePath
) -> list[tuple[int, Event]]:
    """The intent is done: jobs become runnable, events get their numbers, spooled copies their rows."""
    forget(db, intent_id)
    if plan.claim is not None and settled:
        claims.take(db, plan.claim, plan.received_at)
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
        return [eventlog.append(db, Spooled(at=at, mailbox=staged.mailbox, owner_uid=None, reason=copy.spooled))]
    path = layout.message_path(data_dir, staged.folder, staged.mailbox, copy.stem, staged.bundle)
    if staged.folder == "sent":
        conversations.sent(db, staged.mailbox, staged.thread, at)
    if staged.jobs:
        seed = staged.jobs[0].conversation
        counted = conversations.received(db, staged.mailbox, staged.thread, seed, at)
    for job in staged.jobs:
        row = ("pending", job.hook, job.mailbox, job.event, staged.folder, copy.stem, path, message, copy.owner_uid)
        _insert_job(db, row, intent.encode(job.env), counted, at, None)
    for skip in staged.skips:
        where = (staged.folder, copy.stem, path, message, copy.owner_uid)
        row = ("skipped", skip.hook, staged.mailbox, "on_receive", *where)
        _insert_job(db, row, intent.encode({}), "", at, skip.reason)
    if staged.folder == "sent":
        return []
    received = Received(
        at=at, mailbox=staged.mailbox, owner_uid=copy.owner_uid, id=copy.stem,
        from_=staged.summary.get("from", ""), subject=staged.summary.get("subject", ""),
        trusted=staged.summary.get("trusted", ""), thread_id=staged.summary.get("thread_id", ""),
    )  # fmt: skip
    skipped = (
        HookSkipped(
            at=at, mailbox=staged.mailbox, owner_uid=copy.owner_uid, hook=skip.hook, id=copy.stem, reason=skip.reason
        )
        for skip in staged.skips
    )
    return [eventlog.append(db, received), *(eventlog.append(db, event) for event in skipped)]


def conclude(
    db: sqlite3.Connection, done: Conclusion, record: tuple[str, str], owner_uid: int | None
) -> tuple[tuple[int, ...], list[tuple[int, Event]]]:
    """A send ended: its jobs, held, and its event. `record`: id and path, empty when there is none.

    Returns: ids of the jobs; the event with its number.
    """
    if done.claim is not None:
        claims.settle(db, done.claim, done.answer)
    # The number that groups the runs of this send, also when it left no record: that of its first job.
    message = int(db.execute("SELECT coalesce(max(id), 0) + 1 FROM jobs").fetchone()[0])
    held = tuple(
        _insert_job(
            db, ("held", job.hook, job.mailbox, job.event, "sent", *record, message, owner_uid), intent.encode(job.env),
            job.conversation, done.at, None,
        )
        for job in done.jobs
    )  # fmt: skip
    sent = Sent(
        at=done.at, mailbox=done.placed.mailbox, owner_uid=owner_uid, id=record[0], to=done.summary.get("to", ""),
        subject=done.summary.get("subject", ""), message_id=done.summary.get("message_id", ""), status=done.status,
    )  # fmt: skip
    return held, [eventlog.append(db, sent)]


def _insert_job(
    db: sqlite3.Connection, row: tuple[object, ...], env: bytes, conversation: str, at: float, reason: str | None
) -> int:
    cursor = db.execute(
        "INSERT INTO jobs (state, hook, mailbox, event, folder, email_id, path, message, owner_uid, env, conversation,"
        " created, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*row, env, conversation, at, reason),
    )
    return int(cursor.lastrowid or 0)


def repeats(db: sqlite3.Connection, now: float) -> list[tuple[bytes, str, float]]:
    """What peers may believe undelivered (R5)."""
    query = "SELECT key, mailbox, at FROM repeats WHERE at > ? AND at <= ? ORDER BY at DESC LIMIT ?"
    within = now - limits.REPEAT_S, now + limits.CLOCK_AHEAD_S
    return [(row[0], row[1], row[2]) for row in db.execute(query, (*within, limits.REPEATS_KEPT))]


def forget_repeats(db: sqlite3.Connection, rows: tuple[tuple[bytes, str, float], ...]) -> None:
    """A duplicate was acknowledged: the next one is a message of its own."""
    db.executemany("DELETE FROM repeats WHERE key = ? AND mailbox = ?", [row[:2] for row in rows])


def note_unseen(db: sqlite3.Connection, rows: tuple[tuple[bytes, str, float], ...]) -> None:
    """The peer may not have seen our 250 for these copies."""
    db.executemany("INSERT OR REPLACE INTO repeats VALUES (?, ?, ?)", rows)


def prune(db: sqlite3.Connection, now: float, since: float) -> None:
    """Forget what is old: repeats, claims, events, runs. Budgets count runs within their window, so those stay.

    `since`: older claims do not count.
    """
    within = now - limits.REPEAT_S, now + limits.CLOCK_AHEAD_S
    db.execute("DELETE FROM repeats WHERE NOT (at > ? AND at <= ?)", within)
    claims.prune(db, now, since)
    eventlog.prune(db)
    conversations.prune(db, now)
    finished = "state IN ('done', 'interrupted', 'skipped')"
    newest = f"SELECT id FROM jobs WHERE {finished} ORDER BY id DESC LIMIT 1 OFFSET ?"
    db.execute(
        f"DELETE FROM jobs WHERE {finished} AND coalesce(ended, created) <= ? AND id <= ({newest})",
        (now - limits.HOOK_BUDGET_WINDOW_S, limits.RUNS_KEPT),
    )
    db.execute(f"DELETE FROM jobs WHERE {finished} AND id <= ({newest})", (limits.RUNS_MAX,))


# Spool rows


class SpoolRow(msgspec.Struct, frozen=True):
    """One copy that waits. `staged` is None when the row cannot be read."""

    id: int
    mailbox: str
    entry: str
    reason: str
    since: float
    staged: Staged | None


def waiting(db: sqlite3.Connection, mailbox: str, after: int) -> SpoolRow | None:
    """The next copy that waits for a mailbox, oldest first."""
    query = "SELECT id, mailbox, entry, reason, since, copy FROM spool WHERE mailbox = ? AND id > ? ORDER BY id LIMIT 1"
    row = db.execute(query, (mailbox, after)).fetchone()
    if row is None:
        return None
    try:
        staged = intent.decode_staged(row[5])
    except msgspec.MsgspecError:
        staged = None
    return SpoolRow(row[0], row[1], row[2], row[3], row[4], staged)


def mailboxes_waiting(db: sqlite3.Connection) -> list[str]:
    """Mailboxes with copies in the spool."""
    return [row[0] for row in db.execute("SELECT mailbox FROM spool GROUP BY mailbox ORDER BY min(id)")]


def spool_counts(db: sqlite3.Connection, mailbox: str) -> dict[str, int]:
    """How many copies wait for a mailbox, by folder."""
    found: dict[str, int] = {}
    for (octets,) in db.execute("SELECT copy FROM spool WHERE mailbox = ?", (mailbox,)):
        try:
            folder: str = intent.decode_staged(octets).folder
        except msgspec.MsgspecError:
            folder = "inbox"
        found[folder] = found.get(folder, 0) + 1
    return found


def spool_of(db: sqlite3.Connection, mailbox: str) -> list[str]:
    """The entries that wait for a mailbox."""
    return [row[0] for row in db.execute("SELECT entry FROM spool WHERE mailbox = ? ORDER BY id", (mailbox,))]


def spool_forget(db: sqlite3.Connection, mailbox: str) -> None:
    """Nothing waits for a mailbox that is gone."""
    db.execute("DELETE FROM spool WHERE mailbox = ?", (mailbox,))


def spool_owners(db: sqlite3.Connection, mailbox: str) -> set[str]:
    """Whose copies wait for a mailbox: its owners when they arrived; "" where that is not known any more."""
    found = set()
    for (octets,) in db.execute("SELECT copy FROM spool WHERE mailbox = ?", (mailbox,)):
        try:
            found.add(intent.decode_staged(octets).owner)
        except msgspec.MsgspecError:
            found.add("")
    return found


def spool_entries(db: sqlite3.Connection) -> set[str]:
    """Names below spool/ that a row knows."""
    return {row[0] for row in db.execute("SELECT entry FROM spool")}


def spool_changed(db: sqlite3.Connection, row: int, staged: Staged, reason: str) -> None:
    """A waiting copy under another name, or with another reason."""
    query = "UPDATE spool SET entry = ?, copy = ?, reason = ? WHERE id = ?"
    db.execute(query, (staged.entry, intent.encode(staged), reason, row))


def spool_left(db: sqlite3.Connection, row: int) -> None:
    """A copy no longer waits."""
    db.execute("DELETE FROM spool WHERE id = ?", (row,))
