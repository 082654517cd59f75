"""What state.db and index.db say to a process that is not their writer, such as doctor. Never writes, hardly waits."""

import contextlib
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from typing import Literal
from urllib.parse import quote

import msgspec

from aimx import limits
from aimx.model.status import Waiting
from aimx.policy import firing
from aimx.store import schema
from aimx.store.backlog import backlog

State = Literal["read", "missing", "unreadable", "broken"]


class HookTrouble(msgspec.Struct, frozen=True):
    """Runs of one hook that did not end well of late. `last`: how the latest of them ended."""

    hook: str
    failed: int
    last: str


class Books(msgspec.Struct, frozen=True):
    """Both databases. `why` tells what is the matter with state.db unless it could be read.

    `hooks_oldest`: since when the oldest run waits; `hooks_most`: for which hook most do. `index`: state of index.db.
    """

    state: State
    why: str = ""
    waiting: tuple[Waiting, ...] = ()
    hooks_waiting: int = 0
    hooks_oldest: float | None = None
    hooks_most: str = ""
    trouble: tuple[HookTrouble, ...] = ()
    index: State = "missing"


_BACKLOG = "SELECT hook, count(*), min(created) FROM jobs WHERE state = 'pending' GROUP BY hook ORDER BY count(*) DESC"
# Columns beside max() are those of its row.
_TROUBLE = (
    "SELECT hook, count(*), max(ended), state, exit_code, timed_out, reason FROM jobs WHERE ended > ? AND message != 0"
    " AND (state = 'interrupted' OR (state = 'done' AND (exit_code != 0 OR timed_out))"
    f" OR (state = 'skipped' AND reason IN ({', '.join('?' * len(firing.FAULTS))}))) GROUP BY hook ORDER BY hook"
)


def books(directory: str, since: float) -> Books:
    """Read `.aimx` of a data directory; hook runs that ended after `since` count."""
    index, _ = _look(os.path.join(directory, "index.db"), _tables)
    state, found = _look(os.path.join(directory, "state.db"), lambda db: _state(db, since))
    if not isinstance(found, Books):
        return Books(state, str(found or ""), index=index)
    return msgspec.structs.replace(found, index=index)


def _look(path: str, read: Callable[[sqlite3.Connection], "Books | str"]) -> tuple[State, "Books | str"]:
    """State of one database, and what was read from it or why it was not."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        regular = stat.S_ISREG(os.fstat(fd).st_mode)
        os.close(fd)
        if not regular:
            return "broken", "not a file"
        with _opened(path) as db:
            return "read", read(db)
    except FileNotFoundError:
        return "missing", "there is none"
    except OSError as error:
        return "unreadable", str(error.strerror)
    except sqlite3.OperationalError as error:  # locked, or its directory cannot be written
        return "unreadable", str(error)
    except sqlite3.DatabaseError as error:
        return "broken", str(error)


@contextlib.contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    """Without a -wal nobody has it open, and SQLite would make one that a reader cannot remove again."""
    uri = f"file:{quote(path)}?mode=ro{'' if os.path.exists(f'{path}-wal') else '&immutable=1'}"
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=limits.SURVEY_BUSY_S)) as db:
        yield db


def _tables(db: sqlite3.Connection) -> str:
    """The index may be large, and is built anew when it turns out to be damaged: that it is a database is enough."""
    return str(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _state(db: sqlite3.Connection, since: float) -> Books:
    problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem)
    (version,) = db.execute("SELECT value FROM meta WHERE key = 'version'").fetchone() or ("",)
    if version != str(schema.VERSION):
        raise sqlite3.DatabaseError(f"schema version {version or 'unknown'}, this aimx knows version {schema.VERSION}")
    waiting = backlog(db).spool
    lines = db.execute(_BACKLOG).fetchall()
    count, oldest = sum(line[1] for line in lines), min((line[2] for line in lines), default=None)
    trouble = tuple(
        HookTrouble(row[0], row[1], _ending(row[3:])) for row in db.execute(_TROUBLE, (since, *firing.FAULTS))
    )
    return Books("read", "", waiting, count, oldest, lines[0][0] if lines else "", trouble)


def _ending(row: tuple[str, int | None, int | None, str | None]) -> str:
    state, exit_code, timed_out, reason = row
    if timed_out:
        return "timed out"
    return f"{state}: {reason}" if reason else f"exit code {exit_code}"
