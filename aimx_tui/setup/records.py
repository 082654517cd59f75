"""The DNS step: a live table of the records, the whole of the chosen one below it, and the keys that copy and save."""

import math
import os
from typing import ClassVar

from rich.table import Table as Grid
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import DataTable, Static

from aimx.provision.setup import texts
from aimx.provision.setup.api import Seen
from aimx_tui import safe
from aimx_tui.setup import asks, rows
from aimx_tui.setup.panels import Panel
from aimx_tui.setup.zonefile import SaveZone

_WIDE = 80  # columns of the table: value and reason have a column of their own
_STATE, _TYPE = 9, 4  # columns
_ENTER = "Look at the DNS now; when all is right, go on"
_ROLES = {"good": "success", "bad": "error", "warning": "warning", "dim": ""}


class Table(DataTable[Text]):
    """Its Enter means what the panel's does."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Look now", id="dns.enter", tooltip=_ENTER)
    ]


class Records(Panel):
    """Shows what is wanted and what the last look saw. Enter looks now; where all is right it goes on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "look", "Look", id="dns.look", show=False, tooltip=_ENTER),
        Binding("c", "copy('value')", "Copy value", id="dns.copy", tooltip="Copy the value of the chosen record"),
        Binding("n", "copy('name')", "Copy name", id="dns.name", tooltip="Copy the name of the chosen record"),
        Binding("z", "save", "Zone file", id="dns.zone", tooltip="Write all records to a zone file"),
        Binding("q", "later", "Later", id="dns.later", tooltip="Go on without; `aimx doctor` looks again any time"),
    ]

    def __init__(self, ask: asks.AskRecords) -> None:
        super().__init__()
        self._asked, self.back = ask, ask.back
        self._seen: Seen | None = None
        self._looks, self._looking, self._problem = 0, False, ""
        self._table = Table(cursor_type="row", zebra_stripes=True, id="dns")

    def compose(self) -> ComposeResult:
        """How it stands, the table, the chosen record, what to press."""
        yield Static("", id="standing")
        yield self._table
        yield Static("", id="reasons")
        with VerticalScroll(id="detail"):
            yield Static("", id="chosen")
        yield Static("", id="status", classes="hint")

    def on_mount(self) -> None:
        """Nothing is known yet."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())
        self._fill()

    def ready(self) -> None:
        """The table has the keys."""
        self._table.focus()

    def on_resize(self, _: events.Resize) -> None:
        """Other columns."""
        self._fill()

    def looking(self) -> None:
        """A look begins."""
        self._looking = True
        self._say()

    def looked(self, seen: Seen | None, problem: str) -> None:
        """A look is over; one that saw nothing leaves what the last one saw."""
        self._looks, self._looking, self._problem = self._looks + 1, False, problem
        self._seen = seen or self._seen
        self._fill()

    @property
    def verified(self) -> bool:
        """Nothing is wrong."""
        return self._seen is not None and self._seen.verified

    def action_look(self) -> None:
        """Enter."""
        if self.verified:
            self.answer(True)
        else:
            self._asked.look()

    def on_data_table_row_selected(self, selected: DataTable.RowSelected) -> None:
        """The table takes Enter for itself."""
        selected.stop()
        self.action_look()

    def on_data_table_row_highlighted(self, highlighted: DataTable.RowHighlighted) -> None:
        """Another record is chosen."""
        highlighted.stop()
        self._detail()

    def action_later(self) -> None:
        """Put off."""
        self.answer(self.verified)

    def action_copy(self, what: str) -> None:
        """By the terminal (OSC 52): works through ssh, where the terminal allows it."""
        record = self._chosen().record
        if record is None:
            self._status("This one is set at the provider of the server, not in your zone.")
            return
        self.app.copy_to_clipboard(record.value if what == "value" else record.name)
        self._status(f"Sent to the clipboard of your terminal: {what} of {record.rtype} {record.name}")

    def action_save(self) -> None:
        """Where to?"""
        zone = self._asked.zone
        self.app.push_screen(SaveZone(os.path.join(os.getcwd(), f"{zone.domain}.zone"), zone.file), self._saved)

    def _saved(self, path: str | None) -> None:
        if path is not None:
            self._status(f"Zone file written: {path}")

    def _rows(self) -> tuple[rows.Row, ...]:
        return rows.rows(self._asked.zone, self._seen)

    def _chosen(self) -> rows.Row:
        found = self._rows()
        return found[min(max(self._table.cursor_row, 0), len(found) - 1)]

    def _fill(self) -> None:
        """All of the table, the cursor where it was."""
        room = self.size.width or _WIDE
        at, table = self._table.cursor_row, self._table
        table.clear(columns=True)
        left = room - _STATE - _TYPE - 6  # each column has a blank at both sides
        wide = room >= _WIDE
        table.add_column("State", width=_STATE)
        table.add_column("Type", width=_TYPE)
        table.add_column("Name", width=max(10, left * 2 // 5 if wide else left))
        if wide:
            table.add_column("Value", width=max(10, left - left * 2 // 5 - 2))
        for row in self._rows():
            cells = [self._state(row), Text(row.record.rtype if row.record else row.check)]
            cells.append(_cut(row.record.name if row.record else "set by the provider of the server"))
            if wide:
                cells.append(_cut(row.record.value if row.record else row.why))
            table.add_row(*cells)
        table.move_cursor(row=at)
        self._detail()
        self._reasons()
        self._say()

    def _state(self, row: rows.Row) -> Text:
        sign, word, _ = rows.SIGNS[row.state]
        return Text(f"{sign} {word}", self._colour(row.state))

    def _colour(self, state: rows.Look) -> str:
        name = _ROLES[rows.SIGNS[state][2]]
        return self.app.theme_variables[name] if name else "dim"

    def _detail(self) -> None:
        """All of the chosen record: nothing is cut here, so that it can be read off."""
        row, grid = self._chosen(), Grid.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        if row.why or row.state == "open":
            grid.add_row(self._state(row), Text(safe.line(row.why) or "not looked up so far"))
        if row.record is not None:
            for name, value in (("Type", row.record.rtype), ("Name", row.record.name), ("Value", row.record.value)):
                grid.add_row(Text(name, "dim"), Text(safe.line(value)))
        self.query_one("#chosen", Static).update(grid)

    def _reasons(self) -> None:
        """Each that is not right with its reason, where there is room for that."""
        grid = Grid.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        blamed = [row for row in self._rows() if row.why and row.state != "ok"]
        for row in blamed:
            grid.add_row(
                Text(f"{rows.SIGNS[row.state][0]} {row.check}", self._colour(row.state)), Text(safe.line(row.why))
            )
        self.query_one("#reasons", Static).update(grid)
        self.query_one("#reasons").set_class(bool(blamed), "-told")

    def _say(self) -> None:
        standing = self.query_one("#standing", Static)
        if self.verified:
            standing.update(Text(f"✓ {texts.VERIFIED}"))
            standing.set_classes("good")
            self._status("Enter goes on.")
            return
        counted = rows.counted(self._rows())
        standing.set_classes("question" if self._looks == 0 else "warning")
        standing.update(Text(f"{texts.NOT_YET} {counted}." if self._seen else _FIRST))
        if self._looking:
            self._status("◐ Looking at the DNS …")
        elif self._problem:
            self._status(f"✗ {self._problem}")
        elif self._seen is not None:
            asked = f"Asked {self._seen.servers}. " if self._seen.servers else ""
            again = f"Looks again every {self._asked.every_s:.0f} s. " if math.isfinite(self._asked.every_s) else ""
            self._status(f"{asked}{again}{texts.PROPAGATION}")

    def _status(self, text: str) -> None:
        self.query_one("#status", Static).update(safe.text(text))


_FIRST = "Add these records at your domain registrar"


def _cut(text: str) -> Text:
    return Text(safe.line(text), no_wrap=True, overflow="ellipsis")
