"""Which conversation a message belongs to, for the budgets of hooks (U5, U9): one unit of work for State.run each.

What is known is the Message-IDs of mail for which hooks ran, and of what was sent from them, for as long as a budget
counts. The index, which knows all mail, may lag or be lost, and nothing is decided from it.
"""

import hashlib
import sqlite3

from aimx import limits
from aimx.model.hook import Thread, Within

_HERE, _ANYWHERE = "m", "s"  # what a mailbox knows; what was sent from a hook, by whichever mailbox it arrives


def received(db: sqlite3.Connection, mailbox: str, thread: Thread, new: str, at: float) -> str:
    """The conversation of a mail that hooks run for; `new` when none of its names is known. It is known from now on."""
    if not thread.names:
        return new
    conversation = known(db, mailbox, thread) or new
    _note(db, [_key(_HERE, mailbox, name) for name in thread.names], conversation, at)
    return conversation


def sent(db: sqlite3.Connection, mailbox: str, thread: Thread, at: float) -> None:
    """A message is about to leave; what answers it is of the conversation that it is of, if that is known here.

    Sent from a hook it is of that hook's, whatever it says itself: an agent that begins a new thread with each answer
    would else never come to an end. Who receives it on this host counts on, too.
    """
    if not thread.names:
        return
    inherited = _of(db, thread.within) if thread.within is not None else ""
    if conversation := inherited or known(db, mailbox, thread):
        keys = [_key(_HERE, mailbox, thread.names[0])]
        keys += [_key(_ANYWHERE, "", thread.names[0])] if inherited else []
        _note(db, keys, conversation, at)


def known(db: sqlite3.Connection, mailbox: str, thread: Thread) -> str:
    """The conversation of the first of a message's names that is known; empty when none is."""
    if not thread.names:
        return ""
    keys = [*(_key(_HERE, mailbox, name) for name in thread.names), _key(_ANYWHERE, "", thread.names[0])]
    query = f"SELECT key, conversation FROM conversations WHERE key IN ({', '.join('?' * len(keys))})"
    found = dict(db.execute(query, keys).fetchall())
    return next((found[key] for key in keys if key in found), "")


def _of(db: sqlite3.Connection, within: Within) -> str:
    """The conversation of a hook run. A run after a send is counted in none, but what was sent may be of one."""
    if within.event == "on_receive":
        return within.conversation
    return known(db, within.mailbox, Thread((within.message_id,))) if within.message_id else ""


def prune(db: sqlite3.Connection, now: float) -> None:
    """Forget what no budget counts any more, and the oldest of too much; a clock that was ahead makes nothing young."""
    db.execute("UPDATE conversations SET at = ? WHERE at > ?", (now, now + limits.CLOCK_AHEAD_S))
    db.execute("DELETE FROM conversations WHERE at <= ?", (now - limits.HOOK_BUDGET_WINDOW_S,))
    newest = "SELECT at FROM conversations ORDER BY at DESC LIMIT 1 OFFSET ?"
    db.execute(f"DELETE FROM conversations WHERE at <= ({newest})", (limits.CONVERSATION_NAMES_KEPT,))


def _note(db: sqlite3.Connection, keys: list[bytes], conversation: str, at: float) -> None:
    """What is known already stays what it is: who names it elsewhere moves it nowhere."""
    rows = [(key, conversation, at) for key in keys]
    db.executemany(
        "INSERT INTO conversations (key, conversation, at) VALUES (?, ?, ?)"
        " ON CONFLICT (key) DO UPDATE SET at = excluded.at",
        rows,
    )


def _key(kind: str, mailbox: str, name: str) -> bytes:
    """Of one size, however long a Message-ID is."""
    return hashlib.sha256(f"{kind}\0{mailbox}\0{name}".encode("utf-8", "surrogateescape")).digest()[:16]
