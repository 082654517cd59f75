"""state.db: authoritative for intents, spool, hook jobs and runs, budgets, repeats, idempotency and the event log.

Losing it loses promises in flight, never stored mail: mail is files.
"""

LOSS = (
    "Losing it loses no mail: it forgets hook runs that were still to start, the history of runs and events, hook"
    " budgets, the keys of sends, and which repeated deliveries are known; mail that waits in the spool is found again."
)
VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One row per message between its first durable promise and its last rename. plan: msgpack of commit.Intent.
CREATE TABLE IF NOT EXISTS intents (id INTEGER PRIMARY KEY, plan BLOB NOT NULL);

-- Copies that an owner's directory refused. entry: name below spool/. copy: msgpack of commit.Staged.
CREATE TABLE IF NOT EXISTS spool (
  id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, entry TEXT NOT NULL, reason TEXT NOT NULL,
  since REAL NOT NULL, copy BLOB NOT NULL);

-- state: (held until its caller has an answer →) pending → started (durable before the spawn) → done | interrupted;
-- or skipped. message: what the jobs of one mail have in common; 0: a run that was asked for as a test.
-- owner_uid: who owned the mailbox when the job was made, then whom it ran as; a later owner is not told of it.
-- unit: by which a run that outlives its daemon is found again, NULL for others; token: AIMX_JOB of such a run.
CREATE TABLE IF NOT EXISTS jobs (
  id INTEGER PRIMARY KEY, state TEXT NOT NULL, hook TEXT NOT NULL, mailbox TEXT NOT NULL, event TEXT NOT NULL,
  folder TEXT NOT NULL, email_id TEXT NOT NULL, path TEXT NOT NULL, message INTEGER NOT NULL,
  env BLOB NOT NULL, conversation TEXT NOT NULL, created REAL NOT NULL, started REAL, ended REAL,
  exit_code INTEGER, timed_out INTEGER, duration_ms INTEGER, stderr_tail TEXT, reason TEXT, owner_uid INTEGER,
  unit TEXT, token TEXT, cpu_ms INTEGER, peak_octets INTEGER);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, id);
CREATE INDEX IF NOT EXISTS jobs_by_mailbox ON jobs (mailbox, id);
CREATE INDEX IF NOT EXISTS jobs_in_line ON jobs (mailbox, hook, id) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS jobs_of_mail ON jobs (mailbox, email_id, message, id) WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS jobs_by_hook ON jobs (hook, conversation, started);

-- Messages of which conversation (U5) for 24 hours. key: hash of who knows it and the Message-ID.
CREATE TABLE IF NOT EXISTS conversations (
  key BLOB PRIMARY KEY, conversation TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS conversations_by_age ON conversations (at);

CREATE TABLE IF NOT EXISTS repeats (key BLOB NOT NULL, mailbox TEXT NOT NULL, at REAL NOT NULL,
  PRIMARY KEY (key, mailbox)) WITHOUT ROWID;

-- Sends under a key of the caller's (uid). digest: of what was submitted. at: when its record was made, in the same
-- transaction. result: msgpack of model.outbound.FirstAnswer, NULL while it is under way or if that was interrupted.
CREATE TABLE IF NOT EXISTS idempotency (
  uid INTEGER NOT NULL, key TEXT NOT NULL, digest BLOB NOT NULL, at REAL NOT NULL, result BLOB,
  PRIMARY KEY (uid, key)) WITHOUT ROWID;

-- The event log behind WATCH. event: JSON of model.event.Event.
CREATE TABLE IF NOT EXISTS events (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, owner_uid INTEGER, event TEXT NOT NULL);
"""

# Columns that a database of an earlier aimx lacks; who does not know them passes over them.
ADDED = (
    ("jobs", "owner_uid", "INTEGER"),
    ("jobs", "unit", "TEXT"),
    ("jobs", "token", "TEXT"),
    ("jobs", "cpu_ms", "INTEGER"),
    ("jobs", "peak_octets", "INTEGER"),
)
