"""What waits in state.db: copies in the spool, hook runs that have not ended. Never changes anything."""

import sqlite3

from aimx.model.status import Backlog, Jobs, Waiting

_WHERE = {
    "pending": "INDEXED BY jobs_in_line WHERE state = 'pending'",
    "running": "WHERE state = 'started'",
    "held": "WHERE state = 'held'",
}


def backlog(db: sqlite3.Connection) -> Backlog:
    """By mailbox."""
    # Columns beside min() are those of its row.
    spool = db.execute("SELECT mailbox, count(*), since, reason, min(id) FROM spool GROUP BY mailbox ORDER BY mailbox")
    jobs: dict[str, Jobs] = {}
    for field, where in _WHERE.items():
        for mailbox, count in db.execute(f"SELECT mailbox, count(*) FROM jobs {where} GROUP BY mailbox"):
            jobs[mailbox] = jobs.get(mailbox, Jobs()) + Jobs(**{field: count})
    return Backlog(tuple(Waiting(*row[:4]) for row in spool), jobs)
