"""A long text that draws only the lines in view. Its owner made them; a click on a segment with meta is told to it."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from aimx_tui.dash.mail.document import Line

_FOUND = Style(reverse=True)


class Page(ScrollView, can_focus=True):
    """Lines of one mail."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_up", "Up", id="page.up", show=False, tooltip="A line up"),
        Binding("down,j", "scroll_down", "Down", id="page.down", show=False, tooltip="A line down"),
        Binding("pageup,ctrl+b,b", "page_up", "Page up", id="page.page_up", show=False, tooltip="A screen up"),
        Binding("pagedown,ctrl+f,space", "page_down", "Page", id="page.page_down", show=False, tooltip="A screen down"),
        Binding("home,g", "scroll_home", "Top", id="page.home", show=False, tooltip="The beginning"),
        Binding("end,G", "scroll_end", "End", id="page.end", show=False, tooltip="The end"),
    ]

    class Touched(Message):
        """A click on something that leads somewhere: what its drawer said of it."""

        def __init__(self, meta: dict[str, Any]) -> None:
            super().__init__()
            self.meta = meta

    class NearEnd(Message):
        """The last line comes into view."""

    class Resized(Message):
        """Lines of another width are wanted."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._width = 0
        self._marks: tuple[str, ...] = ()
        self._ground, self._cells, self._from = Style(), 0, 0  # of the picture that is made

    @property
    def measure(self) -> int:
        """Cells of a line."""
        return max(1, self.scrollable_content_region.width - 1)

    @property
    def top(self) -> int:
        """The first line in view."""
        return int(self.scroll_offset.y)

    def put(self, lines: Sequence[Line], top: int | None = None) -> None:
        """Other lines, from that one on; None: from where it is."""
        self._lines = lines
        self.virtual_size = Size(1, len(lines))  # no line is wider than there is room for
        if top is not None:
            self.scroll_to(y=top, animate=False, force=True, immediate=True)
        self.refresh()
        self._ask_on(self.top)

    def text(self, position: int) -> str:
        """Of a line."""
        line = self._lines[position]
        return line if isinstance(line, str) else "".join(segment.text for segment in line)

    @property
    def length(self) -> int:
        """Lines."""
        return len(self._lines)

    def mark(self, words: tuple[str, ...]) -> None:
        """Words to be seen wherever they are, as `casefold` writes them."""
        if words != self._marks:
            self._marks = words
            self.refresh()

    def to_mark(self, by: int) -> bool:
        """To the next line below or above the first in view that has one; whether there is one."""
        last = self.length if by > 0 else -1
        for position in range(self.top + by, last, by):
            if self._marks and _spans(self.text(position), self._marks):
                before = self.top
                self.scroll_to(y=position, animate=False, immediate=True)
                return self.top != before
        return False

    def action_scroll_up(self) -> None:
        """A line."""
        self.scroll_to(y=self.top - 1, animate=False, immediate=True)

    def action_scroll_down(self) -> None:
        """A line."""
        self.scroll_to(y=self.top + 1, animate=False, immediate=True)

    def action_page_up(self) -> None:
        """A screen but for one line."""
        self.scroll_to(y=self.top - max(1, self.size.height - 1), animate=False, immediate=True)

    def action_page_down(self) -> None:
        """A screen but for one line."""
        self.scroll_to(y=self.top + max(1, self.size.height - 1), animate=False, immediate=True)

    def action_scroll_home(self) -> None:
        """At once."""
        self.scroll_to(y=0, animate=False, immediate=True)

    def action_scroll_end(self) -> None:
        """Of what is loaded."""
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever has more is asked in time."""
        super().watch_scroll_y(old_value, new_value)
        self._ask_on(int(new_value))

    def _ask_on(self, top: int) -> None:
        if self._lines and top + 2 * self.size.height >= len(self._lines):
            self.post_message(self.NearEnd())

    def on_resize(self) -> None:
        """Only another width matters."""
        if self.measure != self._width:
            self._width = self.measure
            self.post_message(self.Resized())

    def on_click(self, click: Click) -> None:
        """On a link, an attachment, a mail."""
        meta = {key: value for key, value in click.style.meta.items() if key in ("link", "attachment", "mail")}
        if meta:
            click.stop()
            self.post_message(self.Touched(meta))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """What the mouse has marked."""
        return selection.extract("\n".join(self.text(number).rstrip() for number in range(self.length))), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002  Textual's
        """It is drawn."""
        self.refresh()

    def render_lines(self, crop: Region) -> list[Strip]:
        """What all lines share is looked up once: each of it is asked of all that this stands in."""
        self._ground, self._cells, self._from = self.rich_style, self.size.width, int(self.scroll_offset.y)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One line in view."""
        width, position = self._cells, self._from + y
        if position >= len(self._lines):
            return Strip.blank(width, self._ground)
        line = self._lines[position]
        strip = Strip([Segment(" "), Segment(line)] if isinstance(line, str) else [Segment(" "), *line])
        strip = strip.apply_style(self._ground).crop_extend(0, width, self._ground)
        for start, end in _spans(self.text(position), self._marks) if self._marks else ():
            strip = _styled(strip, start + 1, end + 1, _FOUND)
        marked = self.text_selection
        span = marked.get_span(position) if marked is not None else None
        if span is not None:
            style = self.screen.get_component_rich_style("screen--selection")
            strip = _styled(strip, span[0] + 1, width if span[1] == -1 else span[1] + 1, style)
        return strip.apply_offsets(-1, position)


def _styled(strip: Strip, start: int, end: int, style: Style) -> Strip:
    """The cells between the two with that over their own."""
    middle = Strip([Segment(text, (own or Style()) + style) for text, own, _ in strip.crop(start, end)])
    return Strip.join([strip.crop(0, start), middle, strip.crop(end)])


def _spans(text: str, words: tuple[str, ...]) -> list[tuple[int, int]]:
    """The cells of all of them; case counts only where letters have no other length in lower case."""
    folded = text.casefold()
    if len(folded) != len(text):
        folded = text.lower() if len(text.lower()) == len(text) else text
    found = []
    for word in words:
        at = folded.find(word)
        while at >= 0:
            end = at + len(word)
            found.append((cell_len(text[:at]), cell_len(text[:end])))
            at = folded.find(word, end)
    return found
