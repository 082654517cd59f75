"""What the dashboard knows: one value, made anew by every change. Pure data; `reduce` says what an event does to it."""

from typing import Any, Literal, NamedTuple

from aimx import limits

Link = Literal["connecting", "live", "away"]
Stale = Literal["mailboxes", "rows", "hooks", "runs", "status"]
Folder = Literal["inbox", "sent", "all"]


class Mailbox(NamedTuple):
    """A mailbox as MAILBOX-LIST tells of it. `registered` False: a directory without a mailbox."""

    name: str
    address: str
    total: int = 0
    unread: int = 0
    sent: int = 0
    registered: bool = True


class Mail(NamedTuple):
    """A row of a list. `fresh`: made of an event; what an event does not tell is empty until the list is asked."""

    mailbox: str
    folder: str
    id: str
    from_: str = ""
    to: str = ""
    subject: str = ""
    date: str = ""
    received_at: str = ""
    read: bool = True  # of sent mail always
    status: str = ""  # of delivery; of received mail empty
    trusted: str = ""
    automated: str = ""
    attachments: int = 0
    size: int = 0
    thread_id: str = ""
    message_id: str = ""
    in_reply_to: str = ""
    dkim: str = ""
    spf: str = ""
    dmarc: str = ""
    path: str = ""
    readable: bool = True
    fresh: bool = False

    @property
    def key(self) -> str:
        """Of one row among all."""
        return f"{self.mailbox}/{self.folder}/{self.id}"


class Asked(NamedTuple):
    """What the table of mail shows. `mailbox` None: all of the caller's. `query`: of the search language.

    `about`: folder and id of a mail of that mailbox whose conversation is shown; `query` is then its thread.
    """

    mailbox: str | None = None
    folder: Folder = "inbox"
    query: str = ""
    unread: bool | None = None
    about: tuple[str, str] | None = None


class Listing(NamedTuple):
    """What was asked for and what of it is loaded, newest first. `next`: the cursor of the page after it."""

    asked: Asked = Asked()
    rows: tuple[Mail, ...] = ()
    next: str | None = None
    loaded: bool = False


class State(NamedTuple):
    """All of it. `runs`, `hooks` and `status` are as the verbs tell them; `events` the last ones, the newest last.

    `runs_of`: the hook whose runs are asked for; None: of all. `runs_loaded`: those of that hook are there.

    `stale`: what an event has outdated and nobody has asked for since. `why` and `again_s` belong to `away`.
    """

    link: Link = "connecting"
    why: str = ""
    again_s: float = 0.0
    mailboxes: tuple[Mailbox, ...] = ()
    mailboxes_loaded: bool = False
    listing: Listing = Listing()
    hooks: tuple[dict[str, Any], ...] = ()
    hooks_loaded: bool = False
    runs: tuple[dict[str, Any], ...] = ()
    runs_of: str | None = None
    runs_loaded: bool = False
    status: dict[str, Any] | None = None
    events: tuple[dict[str, Any], ...] = ()
    stale: frozenset[Stale] = frozenset()


def mailbox(told: dict[str, Any]) -> Mailbox:
    """Of an object of MAILBOX-LIST."""
    return Mailbox(
        str(told["name"]),
        str(told["address"] or ""),
        int(told["total"]),
        int(told["unread"]),
        int(told["sent_count"]),
        bool(told["registered"]),
    )


def mail(told: dict[str, Any]) -> Mail:
    """Of a row of EMAIL-LIST, EMAIL-SEARCH or THREAD."""

    def text(name: str) -> str:
        return str(told.get(name) or "")

    return Mail(
        mailbox=text("mailbox"), folder=text("folder"), id=text("id"), from_=text("from"), to=text("to"),
        subject=text("subject"), date=text("date"), received_at=text("received_at"), read=bool(told.get("read", True)),
        status=text("delivery_status"), trusted=text("trusted"), automated=text("automated"),
        attachments=int(told.get("attachments") or 0), size=int(told.get("size") or 0), thread_id=text("thread_id"),
        message_id=text("message_id"), in_reply_to=text("in_reply_to"), dkim=text("dkim"), spf=text("spf"),
        dmarc=text("dmarc"), path=text("path"), readable=bool(told.get("readable", True)),
    )  # fmt: skip


def merged(listing: Listing, page: tuple[Mail, ...], following: str | None, known: frozenset[str]) -> Listing:
    """The listing with its first page asked for again. Rows that were loaded from pages after it stay, up to TUI_ROWS.

    `known`: the keys of all rows when that was asked; what has come by an event since then stays on top.
    """
    told = {row.key for row in page}
    new = tuple(row for row in listing.rows if row.fresh and row.key not in known and row.key not in told)
    if not listing.loaded or following is None or not page or len(listing.rows) > limits.TUI_ROWS:
        return listing._replace(rows=new + page, next=following, loaded=True)
    last, above = page[-1].id, told.union(row.key for row in new)
    older = tuple(row for row in listing.rows if row.id < last and row.key not in above)
    return listing._replace(rows=new + page + older, next=listing.next if older else following)


def extended(listing: Listing, page: tuple[Mail, ...], following: str | None) -> Listing:
    """The listing with another page at its end."""
    known = {row.key for row in listing.rows}
    rows = listing.rows + tuple(row for row in page if row.key not in known)
    return listing._replace(rows=rows, next=following)
