"""What an event does to the state. Pure: no clock, no socket, no widget.

An unknown event changes nothing but the log.
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
    kind = str(line.get("type"))
    state = state._replace(link="live", why="", again_s=0.0)
    if kind not in _NO_NEWS:
        events = (*state.events, line)[-limits.TUI_EVENTS :]
        state = state._replace(events=events)
    does = _DOES.get(kind)
    return state if does is None else does(state, line)


def _everything(state: State, _: Line) -> State:
    return _outdated(state, "mailboxes", "rows", "hooks", "runs", "status")


def _received(state: State, line: Line) -> State:
    new = Mail(
        mailbox=str(line["mailbox"]),
        folder="inbox",
        id=str(line["id"]),
        from_=str(line["from"]),
        subject=str(line["subject"]),
        received_at=str(line["at"]),
        read=False,
        trusted=str(line["trusted"]),
        thread_id=str(line["thread_id"]),
        fresh=True,
    )
    state = _counted(state, new.mailbox, total=1, unread=1)
    return _outdated(_listed(state, new), "mailboxes", "rows")


def _sent(state: State, line: Line) -> State:
    if not line["id"]:
        return state
    new = Mail(
        mailbox=str(line["mailbox"]),
        folder="sent",
        id=str(line["id"]),
        to=str(line["to"]),
        subject=str(line["subject"]),
        received_at=str(line["at"]),
        status=str(line["status"]),
        message_id=str(line["message_id"]),
        fresh=True,
    )
    known = any(row.key == new.key for row in state.listing.rows)
    if known:
        state = _changed(state, new.key, lambda row: row._replace(status=new.status))
    else:
        state = _listed(state, new)
    return _outdated(state, "mailboxes", "rows")


def _read(state: State, line: Line) -> State:
    key, read = f"{line['mailbox']}/inbox/{line['id']}", bool(line["read"])
    before = next((row for row in state.listing.rows if row.key == key), None)
    if before is not None and before.read != read:
        state = _counted(state, before.mailbox, unread=-1 if read else 1)
        state = _changed(state, key, lambda row: row._replace(read=read))
    return _outdated(state, "mailboxes")


def _deleted(state: State, line: Line) -> State:
    gone = f"{line['mailbox']}/{line['folder']}/{line['id']}"
    rows = tuple(row for row in state.listing.rows if row.key != gone)
    return _outdated(state._replace(listing=state.listing._replace(rows=rows)), "mailboxes")


def _mailbox_created(state: State, line: Line) -> State:
    name = str(line["mailbox"])
    if not any(known.name == name and known.registered for known in state.mailboxes):
        others = (known for known in state.mailboxes if known.name != name)
        found = sorted((*others, Mailbox(name, str(line["address"]))), key=lambda one: one.name)
        state = state._replace(mailboxes=tuple(found))
    return _outdated(state, "mailboxes", "rows", "status")


def _mailbox_deleted(state: State, line: Line) -> State:
    name = str(line["mailbox"])
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
    if (asked.unread is not None and asked.unread is new.read) or any(row.key == new.key for row in rows):
        return state
    return state._replace(listing=state.listing._replace(rows=(new, *rows)))


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
