"""The rows of sends under a key: functions from a connection, each one unit of work for State.run.

A row exists from the moment the record of its send does. Without an answer it says that nobody knows how it ended.
"""

import sqlite3

import msgspec

from aimx import limits
from aimx.errors import DeliveryUnknown, KeyConflict, ResourcesExhausted
from aimx.model.outbound import Claim, FirstAnswer
from aimx.policy import verdict

UNKNOWN = f"{verdict.UNKNOWN}; the daemon was interrupted while it sent this message; look into the sent folder"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(FirstAnswer).decode


def find(db: sqlite3.Connection, claim: Claim, since: float) -> FirstAnswer | None:
    """The answer to an earlier send; None: the key is free. `since`: older rows do not count.

    Raises: KeyConflict, DeliveryUnknown, ResourcesExhausted.
    """
    query = "SELECT digest, result FROM idempotency WHERE uid = ? AND key = ? AND at > ?"
    row = db.execute(query, (claim.uid, claim.key, since)).fetchone()
    if row is None:
        query = "SELECT count(*) FROM idempotency WHERE uid = ? AND at > ?"
        if db.execute(query, (claim.uid, since)).fetchone()[0] >= limits.CLAIMS_PER_UID:
            raise ResourcesExhausted("too many idempotency keys in 24 hours, try again later or without one")
        return None
    if row[0] != claim.digest:
        raise conflict(claim)
    if row[1] is None:
        raise DeliveryUnknown(UNKNOWN)
    return _decode(row[1])


def conflict(claim: Claim) -> KeyConflict:
    """What whoever uses a key twice is told."""
    return KeyConflict(f"idempotency key '{claim.key}' was used for another message; a key is for one message")


def take(db: sqlite3.Connection, claim: Claim, at: float) -> None:
    """A message is about to leave under a key."""
    query = "INSERT OR REPLACE INTO idempotency (uid, key, digest, at, result) VALUES (?, ?, ?, ?, NULL)"
    db.execute(query, (claim.uid, claim.key, claim.digest, at))


def settle(db: sqlite3.Connection, claim: Claim, answer: FirstAnswer | None) -> None:
    """How it ended; None: nothing has left."""
    where = (claim.uid, claim.key, claim.digest)
    if answer is None:
        db.execute("DELETE FROM idempotency WHERE uid = ? AND key = ? AND digest = ?", where)
        return
    query = "UPDATE idempotency SET result = ? WHERE uid = ? AND key = ? AND digest = ?"
    db.execute(query, (_encode(answer), *where))


def prune(db: sqlite3.Connection, now: float, since: float) -> None:
    """Forget what is old. What a clock that was ahead has dated is of now: it is kept, and for no longer."""
    db.execute("UPDATE idempotency SET at = ? WHERE at > ?", (now, now + limits.CLOCK_AHEAD_S))
    db.execute("DELETE FROM idempotency WHERE at <= ?", (since,))
