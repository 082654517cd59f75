"""What waits in state.db: copies in the spool, hook runs that have not ended. Never changes anything."""

import sqlite3

from aimx.model.status import Backlog, Jobs, Waiting

_FIELDS = {"pending": "pending", "started": "running", "held": "held"}


def backlog(db: sqlite3.Connection) -> Backlog:
    """By mailbox."""
    # Columns beside min() are those of its row.
    spool = db.execute("SELECT mailbox, count(*), since, reason, min(id) FROM spool GROUP BY mailbox ORDER BY mailbox")
    jobs: dict[str, Jobs] = {}
    for state, field in _FIELDS.items():
        query = "SELECT mailbox, count(*) FROM jobs WHERE state = ? GROUP BY mailbox"
        for mailbox, count in db.execute(query, (state,)):
            jobs[mailbox] = jobs.get(mailbox, Jobs()) + Jobs(**{field: count})
    return Backlog(tuple(Waiting(*row[:4]) for row in spool), jobs)
