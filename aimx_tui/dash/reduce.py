"""What an event does to the state. Pure: no clock, no socket, no widget.

An unknown event changes nothing but the log. A line of a known type that is not as it should be, of a daemon of another
version perhaps, does nothing either, but outdates everything.
"""

from collections.abc import Callable
from typing import Any

from aimx import limits
from aimx_tui.dash.live import Away, Told
from aimx_tui.dash.state import Asked, Listing, Mail, Mailbox, Stale, State

Line = dict[str, Any]
_NO_NEWS = frozenset({"hello", "heartbeat", "gap"})


def reduce(state: State, happened: Told | Away) -> State:
    """The state after it."""
    if isinstance(happened, Away):
        return state._replace(link="away", why=happened.why, again_s=happened.again_s)
    line = happened.line
    state = state._replace(link="live", why="", again_s=0.0)
    try:
        kind = _text(line, "type")
        _text(line, "at")
        state = _DOES.get(kind, _nothing)(state, line)
    except _Odd:
        return _everything(state, line)
    return state if kind in _NO_NEWS else state._replace(events=(*state.events, line)[-limits.TUI_EVENTS :])


class _Odd(Exception):
    """The line lacks a field, or that is of another type."""


def _text(line: Line, name: str) -> str:
    found = line.get(name)
    if not isinstance(found, str):
        raise _Odd
    return found


def _nothing(state: State, _: Line) -> State:
    return state


def _everything(state: State, _: Line) -> State:
    return _outdated(state, "mailboxes", "rows", "hooks", "runs", "status")


def _received(state: State, line: Line) -> State:
    new = Mail(
        mailbox=_text(line, "mailbox"),
        folder="inbox",
        id=_text(line, "id"),
        from_=_text(line, "from"),
        subject=_text(line, "subject"),
        received_at=_text(line, "at"),
        read=False,
        trusted=_text(line, "trusted"),
        thread_id=_text(line, "thread_id"),
        fresh=True,
    )
    if not _known(state, new.key):
        state = _counted(_listed(state, new), new.mailbox, total=1, unread=1)
    return _outdated(state, "mailboxes", "rows")


def _sent(state: State, line: Line) -> State:
    if not _text(line, "id"):  # no record is kept
        return state
    new = Mail(
        mailbox=_text(line, "mailbox"),
        folder="sent",
        id=_text(line, "id"),
        to=_text(line, "to"),
        subject=_text(line, "subject"),
        received_at=_text(line, "at"),
        status=_text(line, "status"),
        message_id=_text(line, "message_id"),
        fresh=True,
    )
    if _known(state, new.key):
        state = _changed(state, new.key, lambda row: row._replace(status=new.status))
    else:
        state = _listed(state, new)
    return _outdated(state, "mailboxes", "rows")


def _read(state: State, line: Line) -> State:
    key, read = f"{_text(line, 'mailbox')}/inbox/{_text(line, 'id')}", line.get("read")
    if not isinstance(read, bool):
        raise _Odd
    before = next((row for row in state.listing.rows if row.key == key), None)
    if before is not None and before.read != read:
        state = _counted(state, before.mailbox, unread=-1 if read else 1)
        state = _changed(state, key, lambda row: row._replace(read=read))
    return _outdated(state, "mailboxes")


def _deleted(state: State, line: Line) -> State:
    gone = f"{_text(line, 'mailbox')}/{_text(line, 'folder')}/{_text(line, 'id')}"
    rows = tuple(row for row in state.listing.rows if row.key != gone)
    return _outdated(state._replace(listing=state.listing._replace(rows=rows)), "mailboxes")


def _mailbox_created(state: State, line: Line) -> State:
    name = _text(line, "mailbox")
    if not any(known.name == name and known.registered for known in state.mailboxes):
        others = (known for known in state.mailboxes if known.name != name)
        found = sorted((*others, Mailbox(name, _text(line, "address"))), key=lambda one: one.name)
        state = state._replace(mailboxes=tuple(found))
    return _outdated(state, "mailboxes", "rows", "status")


def _mailbox_deleted(state: State, line: Line) -> State:
    name = _text(line, "mailbox")
    left = tuple(known for known in state.mailboxes if known.name != name)
    listing = state.listing._replace(rows=tuple(row for row in state.listing.rows if row.mailbox != name))
    if listing.asked.mailbox == name:
        listing = Listing(Asked(None, listing.asked.folder))
    return _outdated(state._replace(mailboxes=left, listing=listing), "mailboxes", "rows", "hooks", "status")


def _hooks(state: State, _: Line) -> State:
    return _outdated(state, "hooks", "status")


def _runs(state: State, _: Line) -> State:
    return _outdated(state, "runs")


def _reloaded(state: State, _: Line) -> State:
    return _outdated(state, "mailboxes", "hooks", "status")


def _spooled(state: State, _: Line) -> State:
    return _outdated(state, "status")


def _outdated(state: State, *what: Stale) -> State:
    return state._replace(stale=state.stale | frozenset(what))


def _counted(state: State, name: str, total: int = 0, unread: int = 0) -> State:
    boxes = tuple(
        box._replace(total=box.total + total, unread=max(0, box.unread + unread)) if box.name == name else box
        for box in state.mailboxes
    )
    return state._replace(mailboxes=boxes)


def _listed(state: State, new: Mail) -> State:
    """On top, where what is shown is not a search: whether it is in that, only the daemon can say."""
    asked, rows = state.listing.asked, state.listing.rows
    if asked.query or (asked.mailbox not in (None, new.mailbox)) or asked.folder not in ("all", new.folder):
        return state
    if asked.unread is not None and asked.unread is new.read:
        return state
    return state._replace(listing=state.listing._replace(rows=(new, *rows)))


def _known(state: State, key: str) -> bool:
    return any(row.key == key for row in state.listing.rows)


def _changed(state: State, key: str, change: Callable[[Mail], Mail]) -> State:
    rows = tuple(change(row) if row.key == key else row for row in state.listing.rows)
    return state._replace(listing=state.listing._replace(rows=rows))


_DOES: dict[str, Callable[[State, Line], State]] = {
    "hello": _everything,
    "gap": _everything,
    "received": _received,
    "sent": _sent,
    "read": _read,
    "deleted": _deleted,
    "spooled": _spooled,
    "mailbox_created": _mailbox_created,
    "mailbox_deleted": _mailbox_deleted,
    "hook_created": _hooks,
    "hook_deleted": _hooks,
    "hook_started": _runs,
    "hook_finished": _runs,
    "hook_skipped": _runs,
    "config_reloaded": _reloaded,
}
