"""The left half of mode 1: which mail the table shows. Asks the daemon for pages; the rows live in the state."""

from datetime import datetime
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from aimx import errors
from aimx.errors import AimxError, DaemonRefused
from aimx_tui import safe
from aimx_tui.dash import asking
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.mail import rows
from aimx_tui.dash.mail.reader import Reader
from aimx_tui.dash.state import Asked, Folder, Listing, Mail, Mailbox, Stale, State, extended
from aimx_tui.dash.working import later
from aimx_tui.grid import Column, Grid


class _Panes(Horizontal):
    BLANK = True  # what they contain covers them


class _List(Vertical):
    BLANK = True


class Looking(Frame):
    """Mailboxes, and the mail of the chosen one in its table."""

    AUTO_FOCUS = "#mails"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("J", "mailbox(1)", "Mailbox", id="mail.mailbox_next", show=False, tooltip="The next mailbox"),
        Binding("K", "mailbox(-1)", "Mailbox", id="mail.mailbox_previous", show=False, tooltip="The mailbox before"),
        Binding("left,h", "app.focus_previous", "", id="mail.left", show=False, tooltip="To the pane before"),
        Binding("right", "app.focus_next", "", id="mail.right", show=False, tooltip="To the next pane"),
        Binding("i", "folder('inbox')", "Inbox", id="mail.inbox", tooltip="Mail that was received"),
        Binding("S", "folder('sent')", "Sent", id="mail.sent", tooltip="Mail that was sent, and what became of it"),
        Binding("a", "folder('all')", "All", id="mail.all", show=False, tooltip="Received and sent mail together"),
        Binding("U", "unread", "Unread", id="mail.unread_only", show=False, tooltip="Only unread mail, or all again"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.narrowing = ""  # of the loaded rows: what is typed after \\
        self._before = Listing()
        self._wish: Asked | None = None  # asked for, not answered yet
        self._narrowed = ""  # what the rows that the table has hold
        self.moved_by_rows: str | None = None  # the row that the cursor came to because others came or went
        self.same_question = True  # and they are an answer to the same question

        # Held, not looked up: what is under way when the program ends may still tell them something.
        self.boxes = Grid[Mailbox](rows.BOXES, lambda box: box.name, rows.box, id="mailboxes")
        self.mails = Grid[Mail](self._columns, lambda row: row.key, self._drawn, id="mails")
        self.reader = Reader(id="reader")
        self._place = Static("", id="place")
        self._placed = ""

    def body(self) -> ComposeResult:
        """The panes."""
        with _Panes(id="panes"):
            yield self.boxes
            with _List(id="list"):
                yield self._place
                yield self.mails
                yield from self.bar()
            yield self.reader

    def bar(self) -> ComposeResult:
        """What stands below the table."""
        yield from ()

    @property
    def asked(self) -> Asked:
        """What the table shows, or is about to: a key that follows at once means that."""
        return self._wish or self.dashboard.state.listing.asked

    def show(self, state: State) -> None:
        """Bring it to the panes."""
        super().show(state)
        if not self.is_mounted:
            return
        here = self.boxes.item
        self.boxes.put((rows.everything(state.mailboxes), *state.mailboxes))
        if here is None or here.registered or not self.boxes.has_focus:
            self.boxes.go(self.asked.mailbox or rows.ALL)
        self._list(state.listing)

    def _list(self, listing: Listing) -> None:
        before, self._before = self._before, listing
        wanted = self.narrowing.casefold()
        shown = tuple(row for row in listing.rows if wanted in _words(row)) if wanted else listing.rows
        table = self.mails
        was = table.key
        table.empty = _nothing(listing, self.narrowing, self.dashboard.state)
        anew = before.asked != listing.asked or self._narrowed != self.narrowing
        self._narrowed = self.narrowing
        if before.asked != listing.asked:
            table.refresh()  # the same rows may stand in other columns
        if anew and was is not None and not any(row.key == was for row in shown):
            table.put(())
        table.put(shown)
        if table.key != was:
            self.moved_by_rows, self.same_question = table.key, not anew
        self._put_place(rows.place(listing, len(shown), self.narrowing))

    def _put_place(self, text: str) -> None:
        if text != self._placed:
            longest = max(cell_len(text), cell_len(self._placed)) if self._placed else 0
            self._placed = text
            # As it counts mail it changes often: other lines are laid out anew only where it needs a second one.
            self._place.update(safe.text(text), layout=not 0 < longest <= self._place.size.width)

    def look(self, asked: Asked) -> None:
        """The table to that; the newest wish counts."""
        self._wish = asked
        self.run_worker(later(self._look, asked), group="rows", exclusive=True)

    async def _look(self, asked: Asked) -> None:
        before = self.dashboard.state.events  # what happens while it is answered may not be in the answer
        try:
            page, following = await asking.page(self.dashboard.gateway, asked)
        except DaemonRefused as error:
            self._wish = None
            self.refused(error.reason, asked)
            self.show(self.dashboard.state)
        except AimxError as error:
            self._wish = None
            self.dashboard.say(errors.told(error), trouble=True)
            self.show(self.dashboard.state)
        else:
            self._wish = None
            listing = Listing(asked, page, following, loaded=True)
            self.looked(asked)
            now = self.dashboard.state
            missed: frozenset[Stale] = frozenset() if now.events is before else frozenset(("rows",))
            self.dashboard.put(now._replace(listing=listing, stale=now.stale | missed))

    def looked(self, asked: Asked) -> None:
        """The daemon has answered that."""

    def refused(self, reason: str, asked: Asked) -> None:  # noqa: ARG002  a search says it elsewhere
        """The daemon does not answer that."""
        self.dashboard.say(reason, trouble=True)

    async def _further(self, listing: Listing) -> None:
        try:
            page, following = await asking.page(self.dashboard.gateway, listing.asked, listing.next)
        except AimxError as error:
            self.dashboard.say(errors.told(error), trouble=True)
            return
        now = self.dashboard.state.listing
        if now.asked == listing.asked and now.next == listing.next:
            self.dashboard.put(self.dashboard.state._replace(listing=extended(now, page, following)))

    def on_grid_near_end(self, near: Grid.NearEnd) -> None:
        """The next page."""
        listing = self.dashboard.state.listing
        busy = any(worker.group == "further" and not worker.is_finished for worker in self.workers)
        if near.grid.id == "mails" and listing.next and not busy:
            self.run_worker(later(self._further, listing), group="further")

    def to_mailbox(self, key: str | None) -> None:
        """The mail of that one; a directory that is no mailbox has none that could be asked for."""
        box = next((one for one in self.dashboard.state.mailboxes if one.name == key), None)
        if box is not None and not box.registered:
            self._put_place(f"{box.name}: a directory without a mailbox; its mail is not listed")
        elif (key or None) != self.asked.mailbox:
            self.narrowing = ""
            self.look(Asked(key or None, self.asked.folder))

    def action_mailbox(self, by: int) -> None:
        """The next one, or the one before."""
        names = [rows.ALL, *(box.name for box in self.dashboard.state.mailboxes if box.registered)]
        here = self.asked.mailbox or rows.ALL
        at = names.index(here) if here in names else 0
        wanted = names[max(0, min(at + by, len(names) - 1))]
        self.boxes.go(wanted)
        self.to_mailbox(wanted)  # at once: the next key starts from there, and no news puts the cursor back

    def action_folder(self, folder: Folder) -> None:
        """Of the same mailbox."""
        unread = self.asked.unread if folder == "inbox" else None
        self.look(Asked(self.asked.mailbox, folder, "", unread))

    def action_unread(self) -> None:
        """Only unread mail, or all again."""
        self.look(self.asked._replace(unread=None if self.asked.unread else True))

    def _columns(self, width: int) -> tuple[Column, ...]:
        return rows.columns(self._before.asked, width)

    def _drawn(self, row: Mail) -> list[Text]:
        return rows.mail(row, self._before.asked, self.mails.size.width, self.now())

    def now(self) -> datetime:
        """The clock."""
        return datetime.now().astimezone()


def _words(row: Mail) -> str:
    return f"{row.from_}\n{row.to}\n{row.subject}\n{row.id}\n{row.mailbox}".casefold()


def _nothing(listing: Listing, narrowing: str, state: State) -> str:
    """What an empty table says."""
    if not listing.loaded:
        return "… waiting for the daemon" if state.link != "away" else "Nothing has been loaded."
    if narrowing:
        return "No loaded mail fits the filter; Esc ends it."
    if listing.asked.query:
        return "No mail found."
    if state.mailboxes_loaded and not state.mailboxes:
        return "There is no mailbox of yours yet."
    return "No unread mail." if listing.asked.unread else "No mail."
