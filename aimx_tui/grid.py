"""A table that draws only the rows in view, so that its size costs nothing. Its owner draws the cells."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

T = TypeVar("T")
_CURSOR, _BLANK = "❯ ", "  "


class Column(NamedTuple):
    """`width` in cells; 0: what the others leave, at least `least`."""

    title: str
    width: int = 0
    least: int = 8


class _View:
    """What all lines of a picture share. `room`: cells for the columns."""

    def __init__(self, ground: Style, width: int, top: int, columns: Sequence[Column], room: int) -> None:
        self.ground, self.width, self.top, self.columns, self.room = ground, width, top, columns, room
        fixed = sum(column.width for column in columns if column.width) + len(columns) - 1
        flexible = [column for column in columns if not column.width]
        share = max(0, room - fixed) // max(1, len(flexible))
        self.widths = [column.width or max(column.least, share) for column in columns]


class Grid(ScrollView, Generic[T], can_focus=True):
    """Rows with a cursor that stays on its row when others come and go.

    `columns` may be a function of the width. `key` names a row for good; `draw` makes its cells, one Text per column.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--head", "grid--cursor", "grid--empty"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="grid.up", show=False, tooltip="The row above"),
        Binding("down,j", "move(1)", "Down", id="grid.down", show=False, tooltip="The row below"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", id="grid.page_up", show=False, tooltip="A screen up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", id="grid.page_down", show=False, tooltip="A screen down"),
        Binding("home,g", "end(False)", "First", id="grid.first", show=False, tooltip="The first row"),
        Binding("end,G", "end(True)", "Last", id="grid.last", show=False, tooltip="The last row"),
        Binding("enter", "choose", "Open", id="grid.choose", show=False, tooltip="Open what the cursor is on"),
    ]

    class Event(Message):
        """Of one grid. `key`: of the row, None where there is none."""

        def __init__(self, grid: "Grid[Any]", key: str | None) -> None:
            super().__init__()
            self.grid, self.key = grid, key

        @property
        def control(self) -> "Grid[Any]":
            """The grid."""
            return self.grid

    class Moved(Event):
        """The cursor is on another row."""

    class Chosen(Event):
        """Enter or a click on the row of the cursor."""

    class NearEnd(Event):
        """The cursor comes close to the last row: whoever has more rows may put them."""

    def __init__(
        self,
        columns: Callable[[int], Sequence[Column]] | Sequence[Column],
        key: Callable[[T], str],
        draw: Callable[[T], Sequence[Text]],
        empty: str = "",
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._shape, self._key_of, self._draw, self.empty = columns, key, draw, empty
        self._items: Sequence[T] = ()
        self._at = 0
        self._view = _View(Style(), 0, 0, (), 0)

    def put(self, items: Sequence[T]) -> None:
        """Other rows. The cursor stays on its row as long as it is among them, and that where it is on the screen.

        At the top of the table what comes in above is seen to come in, even if that moves the cursor out of view: the
        next key brings it back.
        """
        if items and items == self._items:
            return
        before, rows = self.key, self._items
        moved = None if before is None else self._position(items, before)
        was, self._items = self._at, items
        self._at = moved if moved is not None else min(was, max(0, len(items) - 1))
        self.virtual_size = Size(1, len(items) + 1)  # no line is wider than there is room for
        top = self.scroll_offset.y
        if moved is not None and moved != was and top:
            self.scroll_to(y=top + moved - was, animate=False)
        elif moved is None or top:
            self._follow()
        if items and len(items) == len(rows) and self._at == was:
            self._draw_again(
                number for number, (one, other) in enumerate(zip(rows, items, strict=True)) if one != other
            )
        else:
            self.refresh()
        if self.key != before:
            self.post_message(self.Moved(self, self.key))

    @property
    def item(self) -> T | None:
        """What the cursor is on."""
        return self._items[self._at] if self._at < len(self._items) else None

    @property
    def key(self) -> str | None:
        """Of the row that the cursor is on."""
        found = self.item
        return None if found is None else self._key_of(found)

    def go(self, key: str) -> bool:
        """The cursor to that row; whether there is one."""
        found = self._position(self._items, key)
        if found is not None:
            self._to(found)
        return found is not None

    def action_move(self, by: int) -> None:
        """Up or down."""
        self._to(self._at + by)

    def action_page(self, by: int) -> None:
        """A screen up or down."""
        self._to(self._at + by * max(1, self.size.height - 2))

    def action_end(self, last: bool) -> None:
        """To either end."""
        self._to(len(self._items) if last else 0)

    def action_choose(self) -> None:
        """Open."""
        if self.key is not None:
            self.post_message(self.Chosen(self, self.key))

    def on_click(self, click: Click) -> None:
        """The cursor goes there; where it is already, that opens."""
        found = self.scroll_offset.y + click.y - 1
        if click.y > 0 and found < len(self._items):
            if found == self._at:
                self.action_choose()
            else:
                self._to(found)

    def on_resize(self) -> None:
        """The cursor stays in view."""
        self._follow()

    def _to(self, position: int) -> None:
        position = max(0, min(position, len(self._items) - 1))
        if position != self._at:
            self._draw_again((self._at, position))
            self._at = position
            self.post_message(self.Moved(self, self.key))
        self._follow()
        if position >= len(self._items) - self.size.height:
            self.post_message(self.NearEnd(self, self.key))

    def _draw_again(self, positions: Iterable[int]) -> None:
        """Of those rows the ones in view; scrolling draws all."""
        top = self.scroll_offset.y
        for position in positions:
            if top <= position < top + self.size.height:
                self.refresh_line(position + 1)

    def _follow(self) -> None:
        """Scroll as far as needed; the head takes a line."""
        height, top = self.size.height - 1, self.scroll_offset.y
        if height > 0 and not top <= self._at < top + height:
            self.scroll_to(y=self._at if self._at < top else self._at - height + 1, animate=False)

    def _position(self, items: Sequence[T], key: str | None) -> int | None:
        return next((number for number, item in enumerate(items) if self._key_of(item) == key), None)

    @property
    def _columns(self) -> Sequence[Column]:
        return self._shape(self.size.width) if callable(self._shape) else self._shape

    def render_lines(self, crop: Region) -> list[Strip]:
        """What all lines share is looked up once: each of it is asked of all that this stands in."""
        columns = self._columns
        room = self.scrollable_content_region.width - len(_CURSOR)  # the scroll bar has its own
        self._view = _View(self.rich_style, self.size.width, self.scroll_offset.y, columns, room)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """Head, then rows."""
        view = self._view
        if y == 0:
            return self._strip(_BLANK, [Text(column.title) for column in view.columns], "grid--head")
        position = view.top + y - 1
        if position < len(self._items):
            here = position == self._at
            cursor = here and self.has_focus
            cells = list(self._draw(self._items[position]))
            return self._strip(_CURSOR if here else _BLANK, cells, "grid--cursor" if cursor else "")
        if not self._items and y == 1 and self.empty:
            return self._strip(_BLANK, [Text(self.empty)], "grid--empty", whole=True)
        return Strip.blank(view.width, view.ground)

    def _strip(self, mark: str, cells: list[Text], component: str, whole: bool = False) -> Strip:
        view, console = self._view, self.app.console
        segments = [Segment(mark)]
        for number, (cell, width) in enumerate(zip(cells, [view.room] if whole else view.widths, strict=True)):
            shown = cell.copy()
            shown.truncate(width, overflow="ellipsis", pad=True)
            if number:
                segments.append(Segment(" "))
            segments += _segments(shown, console)
        strip = Strip(Segment.simplify(segments)).adjust_cell_length(view.width)
        base = view.ground + self.get_component_rich_style(component) if component else view.ground
        return strip.apply_style(base)


def _segments(cell: Text, console: Console) -> list[Segment]:
    """Of a text; nearly all are of one style."""
    if cell.spans:
        return list(cell.render(console))
    return [Segment(cell.plain, console.get_style(cell.style) if cell.style else None)]
