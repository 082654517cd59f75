"""The six lines that are always in view: at the side, or as one line on top where there is little room."""

import textwrap
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from aimx.provision.setup.steps import STEPS, SYMBOLS, Checklist, Key, Line, State
from aimx_tui.safe import line as one_line

_WORDS: dict[State, str] = {
    "pending": "pending",
    "progress": "in progress",
    "done": "done",
    "skipped": "skipped",
    "handoff": "handoff",
    "failed": "failed",
}
_STYLES: dict[State, str] = {
    "pending": "$foreground 60%",
    "progress": "$warning",
    "done": "$success",
    "skipped": "$secondary",
    "handoff": "$primary",
    "failed": "$error",
}
_ROOM = 29  # columns for the word and the reason below a title, on at most two lines


class Steps(Widget, can_focus=True):
    """Shows the checklist; with the keys one looks at the notes of an earlier step."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k,left", "move(-1)", "Step above", id="steps.up", show=False, tooltip="Look at the step before"),
        Binding("down,j,right", "move(1)", "Step below", id="steps.down", show=False, tooltip="Look at the step after"),
        Binding("enter,escape", "close", "Go on", id="steps.close", tooltip="Go back to the question"),
    ]
    checklist: reactive[Checklist] = reactive(Checklist())
    warnings: reactive[dict[Key, int]] = reactive(dict)
    looking_at: reactive[Key | None] = reactive(None)
    strip: reactive[bool] = reactive(False, layout=True)

    class LookAt(Message):
        """The notes of a step are wanted; None: enough of that."""

        def __init__(self, key: Key | None) -> None:
            super().__init__()
            self.key = key

    def render(self) -> Text:
        """All six."""
        return self._in_one_line() if self.strip else Text("\n").join(map(self._two_lines, self.checklist.lines))

    def get_content_height(self, *_: object) -> int:
        """One line, or three for each step: its title, its state, and air."""
        return 1 if self.strip else 3 * len(STEPS) - 1

    def action_move(self, by: int) -> None:
        """To another step."""
        keys = [step.key for step in STEPS]
        at = keys.index(self.looking_at or self.current() or "preflight") + by
        self.post_message(self.LookAt(keys[max(0, min(at, len(keys) - 1))]))

    def action_close(self) -> None:
        """Back to what is being asked."""
        self.post_message(self.LookAt(None))

    def on_blur(self, _: events.Blur) -> None:
        """Whoever goes elsewhere has seen enough."""
        if self.looking_at is not None:
            self.post_message(self.LookAt(None))

    def current(self) -> Key | None:
        """The step that is being worked on, or was last."""
        begun = [line.step.key for line in self.checklist.lines if line.state != "pending"]
        working = [line.step.key for line in self.checklist.lines if line.state == "progress"]
        return working[0] if working else begun[-1] if begun else None

    def _two_lines(self, line: Line) -> Text:
        sign, word = SYMBOLS[line.state][0], _WORDS[line.state]
        note = f"{word}: {one_line(line.reason)}" if line.reason and line.state == "skipped" else word
        if self.warnings.get(line.step.key):
            note += f" · ⚠ {self.warnings[line.step.key]}"
        here = line.step.key == (self.looking_at or self.current())
        title = Text.assemble(
            (sign, self._style(line.state)), f" {line.step.number} ", (line.step.title, "bold" if here else "")
        )
        if line.step.key == self.looking_at:
            title.stylize("reverse")
        below = textwrap.wrap(note, _ROOM, max_lines=2, placeholder=" …")
        style = self._style(line.state)
        return Text("\n").join([title, *(Text(f"    {part}", style) for part in below), *[Text("")] * (2 - len(below))])

    def _in_one_line(self) -> Text:
        found = Text(no_wrap=True, overflow="ellipsis")
        for line in self.checklist.lines:
            cell = Text.assemble((SYMBOLS[line.state][0], self._style(line.state)), str(line.step.number), "  ")
            if line.step.key == self.looking_at:
                cell.stylize("reverse")
            found.append_text(cell)
        key = self.looking_at or self.current()
        if key is not None:
            shown = self.checklist.line(key)
            found.append(f"{shown.step.title}: {_WORDS[shown.state]}", style="bold")
        return found

    def _style(self, state: State) -> str:
        name = _STYLES[state]
        colours = self.app.theme_variables
        if name == "$foreground 60%":
            return "dim"
        return colours[name[1:]]
