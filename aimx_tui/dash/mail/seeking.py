"""Mode 1: search in the language of `aimx emails search`, filter of the loaded rows, conversations."""

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from aimx.errors import Refused
from aimx_tui.dash.mail.bar import Bar
from aimx_tui.dash.mail.opening import Opening
from aimx_tui.dash.state import Asked, Folder, State

if TYPE_CHECKING:
    from aimx.policy.search import Word


class Seeking(Opening):
    """What is searched for becomes the question of the table; Esc brings the one before it back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/", id="mail.search", tooltip="Search all mail, by words"),
        Binding("backslash", "filter", "Filter", key_display="\\", id="mail.filter", show=False,
                tooltip="Show only loaded mail that holds a text"),
        Binding("n", "hit(1)", "Next hit", id="mail.hit_next", show=False, tooltip="What the search found next"),
        Binding("N", "hit(-1)", "Hit before", id="mail.hit_previous", show=False,
                tooltip="What the search found before"),
        Binding("T", "thread", "Thread", id="mail.thread", tooltip="All mail of this conversation in the table"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self._home: Asked | None = None  # the question before the search
        self.seeks = Bar(id="bar")  # the line where it is typed

    def bar(self) -> ComposeResult:
        """Below the table."""
        yield self.seeks

    def show(self, state: State) -> None:
        """What is searched for is marked in the reader, too."""
        super().show(state)
        if self.is_mounted:
            self.reader.page.mark(_plain_words(state.listing.asked.query))

    def action_search(self) -> None:
        """Ask for words."""
        self._show_table()
        self.seeks.open("search", self.asked.query)

    def action_filter(self) -> None:
        """Ask for a text."""
        self._show_table()
        self.seeks.open("filter", self.narrowing)

    def _show_table(self) -> None:
        """In a small terminal the reader would hide the line."""
        self.remove_class("-reading")

    def on_bar_typed(self, typed: Bar.Typed) -> None:
        """A filter works while it is typed."""
        if typed.kind == "filter" and self.seeks.display and typed.text != self.narrowing:
            self.narrowing = typed.text
            self._list(self.dashboard.state.listing)

    def on_bar_entered(self, entered: Bar.Entered) -> None:
        """A search begins; a filter stays."""
        if entered.text:
            self.seeks.remember(entered.text)
        if entered.kind == "filter":
            self._close()
        elif entered.text:
            here = self.asked
            if not here.query:
                self._home = here
            folder = _folder_in(entered.text) or here.folder
            self.narrowing = ""
            self.look(Asked(here.mailbox, folder, entered.text))
        else:
            self._close()
            self._end_search()

    def looked(self, asked: Asked) -> None:
        """The daemon takes it."""
        if asked.query and self.seeks.display:
            self._close()

    def refused(self, reason: str, asked: Asked) -> None:
        """Where it was typed, as long as it is typed."""
        if asked.query and self.seeks.display:
            self.seeks.hint(reason)
        else:
            super().refused(reason, asked)

    def _close(self) -> None:
        self.seeks.close()
        self.mails.focus()

    def _end_search(self) -> None:
        here = self.asked
        if here.query:
            home = self._home or Asked(here.mailbox, "inbox")
            self._home = None
            self.look(home)

    def step_back(self) -> bool:
        """Out of what was typed, the filter, the search, in this order; whether there was any."""
        if self.seeks.display:
            if self.seeks.kind == "filter":
                self.narrowing = ""
            self._close()
        elif self.reads:
            return False
        elif self.narrowing:
            self.narrowing = ""
        elif self.asked.query:
            self._end_search()
        else:
            return False
        self._list(self.dashboard.state.listing)
        return True

    def action_hit(self, by: int) -> None:
        """In the text while it is read, then in the next mail."""
        if not self.asked.query:
            self.dashboard.say("Nothing has been searched for; / does.", trouble=True)
        elif not (self.reads and self.reader.page.to_mark(by)):
            self.mails.action_move(by)

    def action_thread(self) -> None:
        """Received and sent mail of the conversation."""
        mail = self.selected()
        if mail is None:
            return
        if not mail.thread_id:
            self.dashboard.say("Which conversation it belongs to is not known yet.", trouble=True)
            return
        if not self.asked.query:
            self._home = self.asked
        self._show_table()
        self.mails.focus()
        self.look(Asked(mail.mailbox, "all", f"thread:{mail.thread_id}", about=(mail.folder, mail.id)))


def _words(query: str) -> "list[Word]":
    if not query:
        return []
    from aimx.policy import search as language  # mail is shown before any is searched for

    try:
        return list(language.words(query))
    except Refused:
        return []  # the daemon says what is wrong


def _folder_in(query: str) -> Folder | None:
    """What it says itself."""
    named = [word.value.lower() for word in _words(query) if word.field == "in" and not word.negated]
    known: dict[str, Folder] = {"inbox": "inbox", "sent": "sent", "all": "all"}
    return known.get(named[0]) if named else None


def _plain_words(query: str) -> tuple[str, ...]:
    """What can be found in a text."""
    found = (word.value.strip("*").casefold() for word in _words(query) if word.field == "" and not word.negated)
    return tuple(word for word in found if word)
