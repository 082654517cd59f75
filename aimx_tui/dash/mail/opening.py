"""The right half of mode 1: which mail the reader shows, when it counts as read, where it is in a small terminal."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import DescendantFocus
from textual.timer import Timer

from aimx import errors, limits
from aimx.errors import AimxError, DaemonRefused
from aimx.wire.frames import EmailRead, MarkRead, MarkUnread, Thread
from aimx_tui.dash import state as known
from aimx_tui.dash.mail import reading
from aimx_tui.dash.mail.looking import Looking
from aimx_tui.dash.mail.reader import Reader
from aimx_tui.dash.mail.reading import Changed, Message
from aimx_tui.dash.state import Mail, State
from aimx_tui.dash.working import later
from aimx_tui.grid import Grid

_GONE = "✗ This mail is no longer there: deleted, or moved. What was loaded is still shown."
_READING = "-reading"  # of the screen: the reader has the focus, or in a small terminal all the room


class Opening(Looking):
    """Moving the cursor shows the mail; Enter goes into it.

    A mail counts as read when it has been seen: at once after Enter, else when the cursor has rested on it for
    `rest_s` seconds. The mail that is shown because others came or went, or first of all, does not.
    """

    rest_s = limits.TUI_REST_S
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "back(True)", "Back", id="mail.back", tooltip="Back; at the top it ends the dashboard"),
        Binding("escape", "back(False)", "Back", id="mail.escape", show=False, tooltip="Back"),
        Binding("u", "toggle_read", "Read/unread", id="mail.toggle_read", tooltip="Mark as read, or as unread"),
        Binding("v", "source", "Source", id="mail.source", show=False, tooltip="The file as it is, or the text"),
        Binding("right_square_bracket", "step(1)", "Next", id="mail.next", show=False, tooltip="The next mail"),
        Binding("left_square_bracket", "step(-1)", "Last", id="mail.previous", show=False, tooltip="The mail before"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._rest: Timer | None = None
        self._entered = ""  # the mail that Enter opened before it was there
        self._by_hand = ""  # the mail that the cursor was moved to
        self._link = "connecting"
        self._begun = False

    @property
    def reads(self) -> bool:
        """Whether the keys go to the reader."""
        return self.has_class(_READING)

    def selected(self) -> Mail | None:
        """The mail that is meant by a key."""
        shown = self.reader.mail
        return shown if shown is not None and (self.reads or self.mails.key is None) else self.mails.item

    def show(self, state: State) -> None:
        """What happens to the mail in the reader is seen there."""
        before = self._before
        super().show(state)
        if not self.is_mounted:
            return
        mail, back = self.reader.mail, state.link == "live" and self._link != "live"
        self._link = state.link
        if mail is None:
            self._begin()
            return
        now = next((row for row in state.listing.rows if row.key == mail.key), None)
        if back and self.reader.message is None:
            self._open(mail)
        elif now is not None and now.status != mail.status:
            self.reader.mail = now
            self._open(now, again=True)
        elif now is not None:
            self.reader.mail = now
        elif any(row.key == mail.key for row in before.rows):
            self.run_worker(later(self._look_for, mail), group="gone", exclusive=True)

    def _begin(self) -> None:
        """What the row says of the first mail stands in the first picture, its text comes after that."""
        mail = self.mails.item
        if mail is not None and not self._begun:
            self._begun = True
            self.reader.turn(mail)
            self.dashboard.after_picture(self._load_shown)

    def _load_shown(self) -> None:
        mail = self.reader.mail
        if mail is not None and self.reader.message is None:
            self.run_worker(later(self._load, mail), group="preview", exclusive=True)

    def on_grid_moved(self, moved: Grid.Moved) -> None:
        """The other panes follow."""
        if moved.key != moved.grid.key:
            return  # it has moved on since
        if moved.grid.id == "mailboxes":
            self.to_mailbox(moved.key)
            return
        by_rows, self.moved_by_rows = moved.key == self.moved_by_rows, None
        mail, shown = self.mails.item, self.reader.mail
        if mail is None:
            if shown is None or not self.reads:
                self.reader.clear()
        elif by_rows and shown is not None and self.same_question:
            pass  # what is read stays, though it has left the table
        elif shown is None or mail.key != shown.key:
            self._by_hand = "" if by_rows else mail.key
            self._open(mail)

    def on_grid_chosen(self, chosen: Grid.Chosen) -> None:
        """Into the list, or into the mail."""
        if chosen.grid.id == "mailboxes":
            self.mails.focus()
            return
        mail = self.mails.item
        if mail is not None:
            self.enter(mail)

    def enter(self, mail: Mail) -> None:
        """The reader with that mail."""
        self.add_class(_READING)
        self._entered = mail.key
        if self.reader.mail is None or self.reader.mail.key != mail.key:
            self._open(mail)
        elif self.reader.message is not None:
            self._seen(mail)
        self.reader.page.focus()

    def _open(self, mail: Mail, again: bool = False) -> None:
        self._stop_rest()
        if not again:
            self.reader.turn(mail)
        self.run_worker(later(self._load, mail), group="preview", exclusive=True)

    async def _load(self, mail: Mail) -> None:
        gateway = self.dashboard.gateway
        try:
            self.reader.put(await reading.begin(gateway, mail.mailbox, mail.folder, mail.id))
            told = await gateway.value(Thread(mail.mailbox, mail.id, mail.folder))
        except DaemonRefused as error:
            self.reader.note(_GONE if error.code == "NOTFOUND" else f"✗ {error.reason}", trouble=True)
        except AimxError as error:
            self.reader.note(f"✗ {errors.told(error)}", trouble=True)
        else:
            self.reader.join(tuple(known.mail(row) for row in told["emails"]))

    async def _look_for(self, mail: Mail) -> None:
        try:
            await self.dashboard.gateway.value(EmailRead(mail.mailbox, mail.id, mail.folder, 0, 1))
        except DaemonRefused:
            if self.reader.mail is not None and self.reader.mail.key == mail.key:
                self.reader.note(_GONE, trouble=True)
        except AimxError:
            return  # the banner says that nobody answers

    def on_reader_more(self) -> None:
        """The next piece, one at a time."""
        message = self.reader.message
        busy = any(worker.group == "more" and not worker.is_finished for worker in self.workers)
        if message is not None and not busy:
            self.run_worker(later(self._more, message), group="more")

    async def _more(self, message: Message) -> None:
        gateway = self.dashboard.gateway
        try:
            try:
                longer = await reading.more(gateway, message)
            except Changed:  # by its read mark, for one
                longer = await reading.begin(gateway, message.mailbox, message.folder, message.id)
                while longer.next is not None and len(longer.source) <= len(message.source):
                    longer = await reading.more(gateway, longer)
        except AimxError as error:
            self.reader.note(f"✗ the rest is not loaded: {errors.told(error)}", trouble=True)
            return
        self.reader.put(longer)

    def on_reader_turned(self, turned: Reader.Turned) -> None:
        """Another mail of the conversation; where the table has it, the cursor goes along."""
        if not self.mails.go(turned.mail.key):
            self._by_hand = turned.mail.key
            self._open(turned.mail)

    # What counts as read

    def on_reader_shown(self, shown: Reader.Shown) -> None:
        """Its text can be read now."""
        mail = shown.mail
        if not self.reader.is_on_screen:
            return
        if self._entered == mail.key:
            self._seen(mail)
        elif self._by_hand == mail.key:
            self._stop_rest()
            self._rest = self.set_timer(self.rest_s, lambda: self._seen(mail))

    def _stop_rest(self) -> None:
        if self._rest is not None:
            self._rest.stop()
            self._rest = None

    def _seen(self, mail: Mail) -> None:
        self._stop_rest()
        self._entered = self._by_hand = ""
        row = next((row for row in self.dashboard.state.listing.rows if row.key == mail.key), mail)
        if row.folder == "inbox" and not row.read and row.readable and self.dashboard.state.link == "live":
            self.run_worker(later(self.dashboard.ask, MarkRead(row.mailbox, row.id)), group="marks")

    def action_toggle_read(self) -> None:
        """The other of the two."""
        mail = self.selected()
        if mail is None:
            return
        if mail.folder != "inbox":
            self.dashboard.say("Only received mail is read or unread.", trouble=True)
            return
        self._stop_rest()
        self._entered = self._by_hand = ""
        request = MarkUnread(mail.mailbox, mail.id) if mail.read else MarkRead(mail.mailbox, mail.id)
        done = "Marked as unread." if mail.read else "Marked as read."
        self.run_worker(later(self.dashboard.ask, request, done), group="marks")

    # Where one is

    def on_descendant_focus(self, focus: DescendantFocus) -> None:
        """In the reader or not."""
        self.set_class(self.reader in focus.widget.ancestors, _READING)

    def action_back(self, ends: bool) -> None:
        """Out of what was searched for, of the reader, to the table; then, by q, out of the dashboard."""
        if self.step_back():
            return
        if self.reads:
            self.remove_class(_READING)
            self.mails.focus()
        elif not self.mails.has_focus:
            self.mails.focus()
        elif ends:
            self.dashboard.action_leave()

    def step_back(self) -> bool:
        """Whether there was something else to go back from."""
        return False

    def action_source(self) -> None:
        """The file as it is."""
        if self.reader.message is not None:
            self.reader.toggle_source()

    def action_step(self, by: int) -> None:
        """Another mail, without leaving the reader."""
        self.mails.action_move(by)
