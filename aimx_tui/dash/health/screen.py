"""Mode 3: how the daemon is, what doctor says, and what happens. Asks doctor by a thread, the daemon by its state."""

import time
from datetime import UTC, datetime
from typing import Any, ClassVar

from rich.console import Group, RenderableType
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input, Static

from aimx import limits
from aimx.cli import watch_text
from aimx.effects.build import build
from aimx_tui import safe
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.full import Full
from aimx_tui.dash.health import checking, events, vitals
from aimx_tui.dash.health.checking import Checked
from aimx_tui.dash.health.lines import SIGNS, Line, summary
from aimx_tui.dash.state import State
from aimx_tui.dash.working import later
from aimx_tui.grid import Column, Grid

Told = dict[str, Any]


class HealthMode(Frame):
    """The cursor on a finding tells it with its fix, on an event all of its fields."""

    MODE = "health"
    ABOUT = (
        "How the daemon is, above; what doctor found, the worst first, with what to type; below that what happens,"
        " the newest first. Filter the events by words that their kind or mailbox holds."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "check", "Check", id="health.check", tooltip="Have doctor look again"),
        Binding("y", "copy", "Copy fix", id="health.copy", tooltip="Copy what to type, or the event"),
        Binding("v", "report", "Report", id="health.report", tooltip="The whole report, as aimx doctor prints it"),
        Binding("backslash", "filter", "Filter", id="health.filter", key_display="\\", tooltip="Only some events"),
        Binding("p", "pause", "Pause", id="health.pause", tooltip="Let no more events in, or again"),
        Binding("escape", "all", "", id="health.all", show=False, tooltip="All events again"),
        Binding("q", "app.leave", "End", id="health.end", show=False, tooltip="End the dashboard"),
        Binding("left,h", "app.focus_previous", "", id="health.left", show=False, tooltip="To the pane before"),
        Binding("right,l", "app.focus_next", "", id="health.right", show=False, tooltip="To the next pane"),
    ]

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012  as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-short"), (22, "-tall")]  # noqa: RUF012  as Textual declares it

    def __init__(self) -> None:
        super().__init__()
        self._checked: Checked | None = None
        self._since: float | None = None  # that doctor looks
        self._last: State | None = None  # that was shown
        self._words = ""
        self._paused: tuple[Told, ...] | None = None  # the events that were there when it was paused
        self._of_events = False

    def body(self) -> ComposeResult:
        """The daemon, then findings above events, and what is known of the one with the cursor."""
        findings = [Column("Result", 13), Column("Check", 20), Column("What")]
        happened = [Column("When, UTC", 14), Column("Mailbox", 12), Column("What", 8), Column("", 0)]
        with VerticalScroll(id="vitals"):
            yield Static("", id="vital-lines")
        with Horizontal(id="health-panes"):
            with Vertical(id="health-lists"):
                yield Static("", id="checked")
                yield Grid[Line](findings, _key, _finding, id="findings")
                yield Static("", id="stream")
                yield Input(placeholder="words of kind or mailbox", compact=True, id="filter")
                yield Grid[Told](happened, lambda told: str(told["cursor"]), _event, "Nothing yet.", id="events")
            with VerticalScroll(id="health-detail"):
                yield Static("", id="told")

    def on_mount(self) -> None:
        """The first look of doctor, and one at the counters every few seconds while they are shown."""
        self.query_one("#filter").display = False
        self.query_one("#findings").focus()
        self.set_interval(1.0, self._count)
        self.set_interval(limits.TUI_STATUS_S, self._ask_status)
        self.action_check()

    def show(self, state: State) -> None:
        """Bring it to the panes."""
        super().show(state)
        if not self.is_mounted:
            return
        before, self._last = self._last, state
        if before is None or before.status is not state.status:
            text = Text("\n").join(safe.text(line) for line in vitals.lines(state.status, build()))
            self.query_one("#vital-lines", Static).update(text)
        if before is None or before.events is not state.events:
            self._list_events()

    def _list_events(self) -> None:
        state = self.dashboard.state
        held = state.events if self._paused is None else self._paused
        found = events.chosen(held, self._words)
        self.query_one("#events", Grid).put(found)
        newer = events.newer(state.events, self._paused)
        self.query_one("#stream", Static).update(safe.text(events.title(len(found), self._words, newer), "bold"))

    def on_grid_moved(self) -> None:
        """Another one's detail."""
        self._tell()

    def on_grid_chosen(self, chosen: Grid.Chosen) -> None:
        """All of it, on a screen of its own."""
        self.app.push_screen(Full("Event" if chosen.grid.id == "events" else "Finding", self._about()))

    def on_descendant_focus(self) -> None:
        """The detail is about the list that has, or had last, the focus."""
        if isinstance(self.focused, Grid):
            self._of_events = self.focused.id == "events"
            self._tell()

    def action_check(self) -> None:
        """Doctor looks again, unless he does."""
        if self._since is None:
            self._since = time.monotonic()
            self._count()
            self.run_worker(later(self._check), group="doctor")

    def action_copy(self) -> None:
        """To the terminal's clipboard."""
        text = self._copyable()
        if text:
            self.app.copy_to_clipboard(text)
            self.dashboard.say("Copied.")
        else:
            self.dashboard.say("There is nothing to type for this.")

    def action_report(self) -> None:
        """As doctor prints it."""
        if self._checked is not None:
            self.app.push_screen(Full("aimx doctor", safe.text(self._checked.report or self._checked.trouble)))

    def action_filter(self) -> None:
        """Type which."""
        field = self.query_one("#filter", Input)
        field.display = True
        field.focus()

    def action_all(self) -> None:
        """No filter."""
        field = self.query_one("#filter", Input)
        field.value = ""
        field.display = False
        self.query_one("#events").focus()

    def action_pause(self) -> None:
        """Hold the list as it is, or let in what came meanwhile."""
        self._paused = self.dashboard.state.events if self._paused is None else None
        self._list_events()

    @on(Input.Changed, "#filter")
    def _narrow(self, changed: Input.Changed) -> None:
        self._words = changed.value
        self._list_events()

    @on(Input.Submitted, "#filter")
    def _narrowed(self) -> None:
        self.query_one("#events").focus()

    async def _check(self) -> None:
        self._checked = await checking.checked(self.dashboard.gateway.path, self.dashboard.data_dir)
        self._since = None
        self.query_one("#findings", Grid).put(self._checked.found)
        self._count()
        self._tell()

    def _count(self) -> None:
        """What doctor is doing, or when he last looked."""
        if self._since is not None:
            text = Text(f"▸ doctor looks… {int(time.monotonic() - self._since)} s", style="bold")
        elif self._checked is not None and self._checked.trouble:
            text = safe.text(f"✗ {self._checked.trouble}", "bold")
        elif self._checked is not None:
            at = datetime.fromtimestamp(self._checked.at, UTC).strftime("%H:%M:%S")
            found = summary(self._checked.found)
            text = Text(f"Doctor at {at} UTC: {found}", style="bold")
        else:
            text = Text()
        self.query_one("#checked", Static).update(text)

    def _ask_status(self) -> None:
        if self.is_current and self.dashboard.state.link == "live":
            state = self.dashboard.state
            self.dashboard.put(state._replace(stale=state.stale | {"status"}))

    def _tell(self) -> None:
        self.query_one("#told", Static).update(self._about())

    def _about(self) -> RenderableType:
        if self._of_events:
            told: Told | None = self.query_one("#events", Grid).item
            return Text() if told is None else events.in_full(told)
        line: Line | None = self.query_one("#findings", Grid).item
        if line is None:
            return Text()
        sign, word = SIGNS[line.severity]
        fixes = [safe.text(f"  {fix}") for fix in line.fix]
        head = [safe.text(f"{sign} {word}: {line.id}", "bold"), safe.text(line.text)]
        return Group(*head, *([Text("What to do (y copies it):"), *fixes] if fixes else []))

    def _copyable(self) -> str:
        if self._of_events:
            told: Told | None = self.query_one("#events", Grid).item
            return "" if told is None else events.copyable(told)
        line: Line | None = self.query_one("#findings", Grid).item
        return "" if line is None else "\n".join(line.fix)


def _key(line: Line) -> str:
    return f"{line.id} {line.text}"


def _finding(line: Line) -> list[Text]:
    sign, word = SIGNS[line.severity]
    return [Text(f"{sign} {word}"), safe.text(line.id), safe.text(safe.line(line.text))]


def _event(told: Told) -> list[Text]:
    what, text = watch_text.news(told)
    where = str(told.get("mailbox") or "-")
    mark = "⚠ " if watch_text.trouble(told) else ""
    text = text.removeprefix(f"{told.get('id')}  ")  # which is below
    return [safe.text(events.moment(told)), safe.text(where), safe.text(what), safe.text(safe.line(mark + text))]
