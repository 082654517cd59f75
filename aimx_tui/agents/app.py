"""The picker on the terminal's own screen, below the prompt, as a question of a shell is. It ends with what was chosen.

Changes nothing itself: what is to be done with the choice is the caller's.
"""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.types import CSSPathType
from textual.widgets import Static

from aimx.integrations.api import Seen
from aimx_tui import safe
from aimx_tui.agents import choice
from aimx_tui.agents.choice import Choice
from aimx_tui.shell import Shell

_KEYS = (
    ("↑ ↓ or k j", "move"),
    ("Space", "tick or untick"),
    ("a", "tick all, or none"),
    ("Enter", "go on"),
    ("q, Esc, Ctrl+C", "leave, nothing is done"),
)


class Picker(Shell):
    """Asks which agents, then once more before anything is done."""

    CSS_PATH: ClassVar[CSSPathType | None] = "picker.tcss"
    INLINE_PADDING = 0
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", id="picker.up", tooltip="The agent above"),
        Binding("down,j", "move(1)", "Down", id="picker.down", tooltip="The agent below"),
        Binding("home,g", "end(False)", "First", id="picker.first", tooltip="The first agent"),
        Binding("end,G", "end(True)", "Last", id="picker.last", tooltip="The last agent"),
        Binding("space", "tick", "Tick", id="picker.toggle", tooltip="Tick or untick the agent"),
        Binding("a", "all", "All", id="picker.all", tooltip="Tick all agents, or none"),
        Binding("enter", "go", "Go on", id="picker.go", tooltip="Go on; asks once more"),
        Binding("y", "yes", "Yes", id="picker.yes", tooltip="Do it"),
        Binding("n", "no", "No", id="picker.no", tooltip="Back to the list"),
        Binding("q,escape", "step_back", "Leave", id="picker.back", tooltip="Leave; nothing is done"),
    ]

    def __init__(self, user: str | None, begin: Choice) -> None:
        super().__init__()
        self._user, self.choice = user, begin
        self._confirming = self._helping = False
        self.chosen: tuple[Seen, ...] | None = None  # None: left without an answer

    def compose(self) -> ComposeResult:
        """One text; everything is a line of it."""
        yield Static(self._drawn(), id="picker", markup=False)

    def action_move(self, by: int) -> None:
        """The cursor up or down."""
        self._change(self.choice.moved(by))

    def action_end(self, last: bool) -> None:
        """The cursor at either end."""
        self._change(self.choice.ended(last))

    def action_tick(self) -> None:
        """Tick or untick."""
        self._change(self.choice.toggled())

    def action_all(self) -> None:
        """Tick all, or none."""
        self._change(self.choice.all_toggled())

    def action_go(self) -> None:
        """On to the confirmation, and from there to the end."""
        if self._confirming:
            self.action_yes()
        elif not self.choice.chosen():
            self._leave(())
        else:
            self._confirming, self._helping = True, False
            self._draw()

    def action_yes(self) -> None:
        """Do it."""
        if self._confirming:
            self._leave(self.choice.chosen())

    def action_no(self) -> None:
        """Back to the list, with the same ticks."""
        if self._confirming:
            self._confirming = False
            self._draw()

    def action_step_back(self) -> None:
        """A step back; from the list, out."""
        if self._confirming:
            self.action_no()
        else:
            self._leave(None)

    def action_leave(self) -> None:
        """Out, from wherever."""
        self._leave(None)

    def action_help(self) -> None:
        """The keys, below the list; screens on top of this one would not fit between two prompts."""
        self._helping = not self._helping
        self._draw()

    def _leave(self, chosen: tuple[Seen, ...] | None) -> None:
        self.chosen = chosen
        self.query_one("#picker", Static).update("")
        self.exit()

    def _change(self, changed: Choice) -> None:
        if not self._confirming:
            self.choice = changed
            self._draw()

    def _draw(self) -> None:
        self.query_one("#picker", Static).update(self._drawn())

    def _drawn(self) -> Text:
        lines = self._tasks() if self._confirming else self._list()
        if self._helping:
            lines += [Text(), *(Text(f"  {keys:<15} {what}", style="dim") for keys, what in _KEYS)]
        return Text("\n").join(lines)

    def _list(self) -> list[Text]:
        whose = f" for `{safe.line(self._user)}`" if self._user is not None else ""
        return [
            Text(f"Setting up MCP integration for AI agents{whose}.", style="bold"),
            Text("Select which AI agents you want to set up AIMX MCP for:"),
            Text(),
            *(self._row(number, row) for number, row in enumerate(self.choice.rows)),
            Text(),
            Text("  → Space toggles, Enter confirms, q cancels. ? shows all keys."),
        ]

    def _row(self, number: int, row: Seen) -> Text:
        if not choice.selectable(row):
            return Text(f"  [-] {row.agent.display} (not detected)", style="dim")
        focused = number == self.choice.cursor
        line = Text("❯ " if focused else "  ", style=self.theme_variables["primary"] if focused else "")
        tick = "[x]" if row.agent.name in self.choice.ticked else "[ ]"
        line.append(f"{tick} {row.agent.display}", style="bold" if focused else "not bold")
        if row.state == "wired":
            line.append("  (AIMX MCP wired)", style="not bold")
        elif row.state == "stale":
            line.append("  (AIMX MCP wired, of another version)", style="not bold")
        return line

    def _tasks(self) -> list[Text]:
        tasks = [choice.task(row) for row in self.choice.chosen()]
        return [
            Text("Tasks to perform:", style="bold"),
            Text(),
            *(Text(f"  {number}. {what}") for number, what in enumerate(tasks, 1)),
            Text(),
            Text("Confirm? [Y/n]"),
        ]


def ask(user: str | None, begin: Choice) -> tuple[Seen, ...] | None:
    """Ask on this terminal: the rows that were chosen, none of them, or None when the user left."""
    picker = Picker(user, begin)
    picker.run(inline=True, mouse=False)
    broken = picker.broken()
    if broken is not None:
        raise broken
    return picker.chosen
