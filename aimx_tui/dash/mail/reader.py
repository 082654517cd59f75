"""The reader: one mail, drawn in a thread. It shows what it is given and asks nobody."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message as Posted
from textual.timer import Timer
from textual.widgets import Static

from aimx import limits
from aimx_tui import safe
from aimx_tui.dash.mail import sheet
from aimx_tui.dash.mail.document import Colours, Line, Link
from aimx_tui.dash.mail.page import Page
from aimx_tui.dash.mail.reading import Message
from aimx_tui.dash.mail.sheet import Body, Look
from aimx_tui.dash.state import Mail
from aimx_tui.dash.working import later

# One at a time: of those that wait, the ones nobody wants any more never begin.
_DRAWER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")


class _Drawn(NamedTuple):
    body: Body | None
    lines: list[Line]


class Reader(Vertical):
    """Header block, text, attachments and conversation of a mail on one page."""

    BLANK = True  # what it contains covers it

    class More(Posted):
        """The end of what is loaded comes near."""

    class Shown(Posted):
        """The text of that mail can be seen."""

        def __init__(self, mail: Mail) -> None:
            super().__init__()
            self.mail = mail

    class Followed(Posted):
        """A link was chosen."""

        def __init__(self, link: Link) -> None:
            super().__init__()
            self.link = link

    class Attached(Posted):
        """An attachment was chosen, by its number."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    class Turned(Posted):
        """Another mail of the conversation was chosen."""

        def __init__(self, mail: Mail) -> None:
            super().__init__()
            self.mail = mail

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.mail: Mail | None = None
        self.message: Message | None = None
        self.thread: tuple[Mail, ...] = ()
        self.source = False
        self._drawn = _Drawn(None, [])
        self._shown = ""  # the key whose text has been drawn
        self._note = Static("", id="reader-note")
        self._noted = ("", False)
        self._patience: Timer | None = None
        self.page = Page(id="page")  # what scrolls

    def compose(self) -> ComposeResult:
        """A line for what is wrong or under way, and the page."""
        yield self._note
        yield self.page

    def on_mount(self) -> None:
        """Colours are part of what is drawn."""
        self.watch(self.app, "theme", self._again, init=False)

    @property
    def links(self) -> tuple[Link, ...]:
        """Of what is drawn."""
        return self._drawn.body.links if self._drawn.body is not None else ()

    def clear(self, why: str = "") -> None:
        """No mail."""
        self.mail = self.message = None
        self.thread, self.source, self._shown = (), False, ""
        self.workers.cancel_group(self, "draw")
        self._drawn = _Drawn(None, [])
        self.page.put(["", safe.line(why)], 0)
        self.note("")

    def turn(self, mail: Mail) -> None:
        """To another mail, of which so far the row is known."""
        self.mail, self.message, self.thread, self.source, self._shown = mail, None, (), False, ""
        self.workers.cancel_group(self, "draw")
        self._drawn = _Drawn(None, [])
        self.page.put(self._top(mail), 0)
        self.note("")
        self._stop_patience()
        self._patience = self.set_timer(limits.TUI_SETTLE_S, self._still)

    def _top(self, mail: Mail) -> list[Line]:
        """What its row says. Before the first layout no line has a width."""
        return sheet.top(mail, None, (), self._look()) if self.page.size else []

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.stop()
            self._patience = None

    def _still(self) -> None:
        """Said only when it takes a while: the line moves the page."""
        if self.mail is not None and self.message is None and not self._note.display:
            self.note("… loading")

    def put(self, message: Message) -> None:
        """The mail, or more of it."""
        if self.mail is not None and message.key == self.mail.key:
            self._stop_patience()
            self.message = message
            self.note("")
            self._again()

    def join(self, thread: tuple[Mail, ...]) -> None:
        """The conversation that it belongs to."""
        self.thread = thread
        self._again()

    def toggle_source(self) -> None:
        """The file as it is, or its text."""
        self.source = not self.source
        self.page.scroll_to(y=0, animate=False)
        self._again()

    def note(self, text: str, trouble: bool = False) -> None:
        """A line above the page; nothing hides it."""
        if (text, trouble) != self._noted:
            self._noted = (text, trouble)
            self._note.update(Text(safe.line(text)))
            self._note.display = bool(text)
            self._note.set_class(trouble, "trouble")

    def on_page_resized(self) -> None:
        """Another width."""
        if self.mail is not None and self.message is None:
            self.page.put(self._top(self.mail))
        else:
            self._again()

    def on_page_near_end(self) -> None:
        """More is wanted, if there is any."""
        message = self.message
        if message and message.next is not None and len(message.source) < limits.TUI_BODY_CHARACTERS:
            self.post_message(self.More())

    def on_page_touched(self, touched: Page.Touched) -> None:
        """A click somewhere."""
        touched.stop()
        if "link" in touched.meta and touched.meta["link"] < len(self.links):
            self.post_message(self.Followed(self.links[touched.meta["link"]]))
        elif "attachment" in touched.meta:
            self.post_message(self.Attached(touched.meta["attachment"]))
        elif "mail" in touched.meta:
            for mail in self.thread:
                if mail.key == touched.meta["mail"]:
                    self.post_message(self.Turned(mail))

    def _look(self) -> Look:
        theme = self.app.current_theme
        colours = Colours(theme.primary, theme.secondary or theme.primary)
        return Look(self.page.measure, colours, self.source)

    def _again(self) -> None:
        if self.mail is not None:
            self.run_worker(later(self._draw, self.mail, self.message, self.thread), group="draw", exclusive=True)

    async def _draw(self, mail: Mail, message: Message | None, thread: tuple[Mail, ...]) -> None:
        look, before = self._look(), self._drawn
        drawn = await asyncio.get_running_loop().run_in_executor(
            _DRAWER, _drawing, mail, message, thread, look, before.body
        )
        page = self.page
        top = None
        if before.body is not None and drawn.body is not None and before.body.look.width != look.width:
            top = page.top * len(drawn.lines) // max(1, len(before.lines))
        self._drawn = drawn
        page.put(drawn.lines, top)
        if message is not None and self._shown != mail.key:
            self._shown = mail.key
            self.post_message(self.Shown(mail))


def _drawing(mail: Mail, message: Message | None, thread: tuple[Mail, ...], look: Look, body: Body | None) -> _Drawn:
    """In the thread. The lines of before are used again where they are the same."""
    lines = sheet.top(mail, message, thread, look)
    if message is None:
        return _Drawn(None, lines)
    if body is None or body.key != (message.key, message.version) or body.look != look:
        body = Body(message, look)
    else:
        body.feed(message)
    return _Drawn(body, lines + body.lines + sheet.bottom(mail, message, thread, look))
