"""The rows of the two tables of mode 1: which columns there are and what stands in them. Pure."""

from datetime import datetime

from rich.text import Text

from aimx_tui import safe
from aimx_tui.dash.mail import words
from aimx_tui.dash.state import Asked, Listing, Mail, Mailbox
from aimx_tui.grid import Column

ALL = ""  # the key of the row that stands for all mailboxes
BOXES = (Column("Mailbox"), Column("   New", 6))
FOLDERS = {"inbox": "Inbox", "sent": "Sent", "all": "All mail"}
_MARKS, _NARROW, _SMALL = Column("", 4), 48, 64
_WORDS = {"delivered": "delivered", "failed": "✖ failed", "pending": "… pending"}


def everything(boxes: tuple[Mailbox, ...]) -> Mailbox:
    """The row above all others."""
    mine = [box for box in boxes if box.registered]
    return Mailbox(ALL, "", sum(box.total for box in mine), sum(box.unread for box in mine))


def box(one: Mailbox) -> list[Text]:
    """Of a mailbox, or of a directory that is none any more."""
    if one.name == ALL:
        return [Text("All mailboxes", "bold"), Text(_count(one.unread).rjust(6), "bold")]
    if not one.registered:
        return [safe.text(safe.line(one.name), "dim italic"), Text("unreg.", "dim")]
    style = "bold" if one.unread else ""
    return [safe.text(safe.line(one.name), style), Text(_count(one.unread).rjust(6), style)]


def columns(asked: Asked, width: int) -> tuple[Column, ...]:
    """As many as there is room for."""
    who = Column({"inbox": "From", "sent": "To", "all": "From / To"}[asked.folder], 12 if width < _SMALL else 20)
    found = [_MARKS, who, Column("Subject")]
    if asked.folder != "inbox":
        found.append(Column("State", 9))
    if asked.mailbox is None and width >= _SMALL:
        found.append(Column("Mailbox", 10))
    if width >= _NARROW:
        found.append(Column("When", 6))
    return tuple(found)


def mail(row: Mail, asked: Asked, width: int, now: datetime) -> list[Text]:
    """A mail in those columns."""
    style = "" if row.read else "bold"
    sent = row.folder == "sent"
    who = row.to if sent else row.from_
    who = f"to {who}" if sent and asked.folder == "all" else name(who)
    subject = row.subject if row.readable else f"(unreadable) {row.id}"
    cells = [marks(row), safe.text(safe.line(who), style), safe.text(safe.line(subject), style)]
    for column in columns(asked, width)[3:]:
        if column.title == "State":
            state = _WORDS.get(row.status, safe.line(row.status)) if sent else ""
            cells.append(Text(state, style))
        elif column.title == "Mailbox":
            cells.append(safe.text(safe.line(row.mailbox), "dim"))
        else:
            cells.append(Text(when(row.received_at or row.date, now).rjust(6), style or "dim"))
    return cells


def marks(row: Mail) -> Text:
    """Unread, trust, automated, attachments: a sign each, the reader has the words."""
    unread = " " if row.read else "●"
    trust = " " if row.folder == "sent" else words.mark(row)
    return Text(unread + trust + ("⚙" if row.automated else " ") + ("+" if row.attachments else " "))


def name(address: str) -> str:
    """The display name where there is one."""
    shown, bracket, _ = address.rpartition("<")
    return shown.strip().strip('"').replace('\\"', '"') or address if bracket else address


def when(text: str, now: datetime) -> str:
    """In six cells: the time today, the day this year, else the month."""
    try:
        moment = datetime.fromisoformat(text).astimezone(now.tzinfo)
    except (ValueError, OverflowError):
        return ""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment:%b} {moment.day:2}" if moment.year == now.year else f"{moment:%b} {moment:%y}"


def place(listing: Listing, shown: int, narrowed: str) -> str:
    """What the table shows, in words."""
    asked = listing.asked
    parts = [safe.line(asked.mailbox) if asked.mailbox else "All mailboxes", FOLDERS[asked.folder]]
    conversation = asked.about is not None
    if conversation:
        parts[1] = "conversation"
    count = f"{shown}" if shown == len(listing.rows) else f"{shown} of {len(listing.rows)}"
    parts.append(f"{count}{'+' if listing.next else ''}" if listing.loaded else "… loading")
    if asked.unread:
        parts.append("unread only")
    if asked.query and not conversation:
        parts.append(f"search: {safe.line(asked.query)}")
    if narrowed:
        parts.append(f"filter: {safe.line(narrowed)}")
    return " · ".join(parts)


def _count(number: int) -> str:
    return "" if not number else str(number) if number < 10_000 else f"{number // 1000}k"
