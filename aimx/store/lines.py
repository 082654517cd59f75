"""Who waits for a run: the pending jobs of each hook are a line. Reads, at a cost that no line's length changes.

Each function is one unit of work for State.run, or a part of one.
"""

import sqlite3
from collections.abc import Set
from typing import NamedTuple

from aimx import limits
from aimx.store.jobs import COLUMNS, JobRow, Mail, row_of

Database = sqlite3.Connection

# One look into the index per line: from the first job of a line to that of the next one.
_LINES = """
WITH RECURSIVE line(mailbox, hook, first) AS (
  SELECT * FROM (SELECT mailbox, hook, id FROM jobs INDEXED BY jobs_in_line
    WHERE state = 'pending' ORDER BY mailbox, hook, id LIMIT 1)
  UNION ALL
  SELECT next.mailbox, next.hook, next.id FROM line JOIN jobs AS next ON next.id = coalesce(
    (SELECT id FROM jobs INDEXED BY jobs_in_line
     WHERE state = 'pending' AND mailbox = line.mailbox AND hook > line.hook ORDER BY hook, id LIMIT 1),
    (SELECT id FROM jobs INDEXED BY jobs_in_line
     WHERE state = 'pending' AND mailbox > line.mailbox ORDER BY mailbox, hook, id LIMIT 1))
) SELECT mailbox, hook, first FROM line
"""
# Whatever holds back all of the first few of a line (an earlier hook of the same mails) has its own line, and ends.
_TURNS = f"""
SELECT {COLUMNS} FROM (
  SELECT * FROM jobs INDEXED BY jobs_in_line
  WHERE state = 'pending' AND mailbox = ? AND hook = ? ORDER BY id LIMIT {limits.HOOK_ROWS}
) AS job WHERE NOT EXISTS (
  SELECT 1 FROM jobs AS other WHERE other.state = 'pending' AND other.mailbox = job.mailbox
  AND other.email_id = job.email_id AND other.message = job.message AND other.id < job.id
  AND other.event = job.event AND other.folder = job.folder)
"""


class Line(NamedTuple):
    """A hook of a mailbox for which jobs wait; `first` is the oldest of them."""

    mailbox: str
    hook: str
    first: int


def lines(db: Database) -> list[Line]:
    """Every line."""
    return [Line(*row) for row in db.execute(_LINES)]


def turn(db: Database, line: Line, busy: Set[Mail]) -> JobRow | None:
    """The oldest job of a line whose mail has no job that runs (`busy`) or has to run before it.

    None also when there is one, but only behind a screenful of others that must wait.
    """
    found = map(row_of, db.execute(_TURNS, line[:2]))
    return next((row for row in found if row.mail not in busy), None)
