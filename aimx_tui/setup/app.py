"""The wizard: `run` puts it on the terminal, tells the story in a thread beside it, and ends as the story ended."""

import threading
import time
from collections.abc import Callable
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.screen import Screen
from textual.types import CSSPathType
from textual.widgets import Footer, Static

from aimx import limits
from aimx.cli import output
from aimx.cli.style import Style
from aimx.errors import Failed
from aimx.provision.setup import texts
from aimx.provision.setup.api import Options, Works
from aimx.provision.setup.steps import Key
from aimx_tui.setup import asks, ending
from aimx_tui.setup.bridge import Bridge
from aimx_tui.setup.checklist import Steps
from aimx_tui.setup.leaving import Leaving
from aimx_tui.setup.panels import Finish, Panel, Progress, panel
from aimx_tui.setup.records import Records
from aimx_tui.setup.stage import Stage
from aimx_tui.shell import Shell


def run(works: Works, options: Options, stands: Callable[[], str]) -> None:
    """The whole of `aimx setup` on a terminal that `terminal.suitable` takes. `stands`: what is on disk so far.

    Raises: what the story raises, SetupCancelled when the operator ended it; the essential stands on stdout by then.
    """
    wizard = Wizard(works, options, stands)
    try:
        wizard.run()
    finally:
        wizard.join()
    if wizard.broken() is not None:
        raise Failed("the setup screen broke down; `sudo aimx setup --plain` asks the same line by line") from (
            wizard.broken()
        )
    output.write("\n".join(wizard.last_words(signs=Style().coloured)))
    if wizard.outcome is not None:
        raise wizard.outcome


class Main(Screen[None]):
    """Checklist at the side, the step beside it."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (72, "-normal"), (110, "-wide")]  # noqa: RUF012  as Textual declares it
    VERTICAL_BREAKPOINTS = [(0, "-low"), (20, "-high"), (34, "-tall")]  # noqa: RUF012

    AUTO_FOCUS = ""  # the panels say what Enter is for

    class Up(Message):
        """It is there."""

    def __init__(self, steps: Steps, stage: Stage) -> None:
        super().__init__()
        self._steps, self._stage = steps, stage

    def compose(self) -> ComposeResult:
        """Title, the two sides, keys."""
        with Horizontal(id="title"):
            yield Static(Text(texts.WELCOME), id="title-name")
            yield Static(Text(texts.TAGLINE), id="title-tagline")
        with Horizontal(id="body"):
            yield self._steps
            yield self._stage
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """The story can begin."""
        self.app.post_message(self.Up())

    def on_resize(self) -> None:
        """The checklist gives way where there is little room."""
        self._steps.strip = self.size.width < _SIDE_COLUMNS or self.size.height < _SIDE_ROWS
        self.call_after_refresh(self._follow)

    def _follow(self) -> None:
        """What has the focus stays in view."""
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)


_SIDE_COLUMNS, _SIDE_ROWS = 72, 20  # the breakpoints above


class Wizard(Shell):
    """The app. What the story says arrives as messages; what the operator answers goes into slots."""

    TITLE = texts.WELCOME
    CSS_PATH: ClassVar[CSSPathType | None] = ["../shell.tcss", "wizard.tcss"]

    def __init__(
        self,
        works: Works,
        options: Options,
        stands: Callable[[], str],
        again_s: float = limits.SETUP_LOOK_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._bridge = Bridge(self.post_message, works, options, again_s)
        self._thread = threading.Thread(target=self._bridge.run, name="setup")
        self._clock, self._stands = clock, stands
        self._steps, self._stage = Steps(id="steps"), Stage()
        self._slot: asks.Slot[object] | None = None
        self._stopping = False

    def get_default_screen(self) -> Screen[None]:
        """Ours."""
        return Main(self._steps, self._stage)

    def on_main_up(self) -> None:
        """The story begins when there is a screen to tell it on."""
        self._thread.start()

    def join(self) -> None:
        """The story is over, or is ended now."""
        self._bridge.stop()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def outcome(self) -> BaseException | None:
        """How the story ended; None after a complete setup."""
        return self._bridge.outcome

    def last_words(self, signs: bool) -> list[str]:
        """For the normal screen."""
        return ending.lines(self._steps.checklist, self._stage.notes(), signs)

    def action_leave(self) -> None:
        """Ask, unless there is nothing to lose; asked for twice is meant."""
        if isinstance(self._stage.panel, Finish):
            self._answer(True)
        elif isinstance(self.screen, Leaving):
            self.screen.dismiss(True)
        elif not self._stopping:
            self.push_screen(Leaving(self._stands()), self._left)

    def _left(self, end: bool | None) -> None:
        if end:
            self.hang_up()

    def hang_up(self) -> None:
        """End the story; the app follows it."""
        self._stopping = True
        self._bridge.stop()

    async def on_story_moved(self, moved: asks.Moved) -> None:
        """The checklist."""
        if all(line.state == "pending" for line in moved.checklist.lines):
            self._stage.begin()
        self._steps.checklist = moved.checklist
        self._stage.moved(moved.checklist)
        self._count()

    def on_story_told(self, told: asks.Told) -> None:
        """A note."""
        self._stage.add(told.note)
        self._count()

    async def on_story_working(self, working: asks.Working) -> None:
        """Something that takes time has begun or ended."""
        if working.what is None:
            await self._stage.take()
            return
        progress = Progress(working.what, self._clock)
        await self._stage.put(progress)
        progress.ready()

    async def on_story_asked(self, asked: asks.Asked) -> None:
        """A question."""
        self._slot = asked.slot
        if isinstance(asked.ask, asks.AskText):
            self._stage.afresh()
            self._count()
        found = Records(asked.ask) if isinstance(asked.ask, asks.AskRecords) else panel(asked.ask)
        await self._stage.put(found)
        found.ready()

    def on_story_looking(self) -> None:
        """A look at the DNS begins."""
        if isinstance(self._stage.panel, Records):
            self._stage.panel.looking()

    def on_story_looked(self, looked: asks.Looked) -> None:
        """A look at the DNS is over."""
        if isinstance(self._stage.panel, Records):
            self._stage.panel.looked(looked.seen, looked.problem)

    def on_story_over(self) -> None:
        """So is the app."""
        self.exit()

    async def on_panel_answered(self, answered: Panel.Answered) -> None:
        """An answer."""
        answered.stop()
        if answered.panel is self._stage.panel:
            await self._stage.take()
            self._answer(answered.value)

    def on_progress_cancelled(self) -> None:
        """The button Cancel."""
        self.action_leave()

    def on_steps_look_at(self, look: Steps.LookAt) -> None:
        """Notes of an earlier step, or back from them."""
        self._steps.looking_at = look.key
        self._stage.show(look.key)
        asking = self._stage.panel
        if look.key is None and self._steps.has_focus and asking is not None:
            ready = getattr(asking, "ready", None)
            if ready is not None:
                ready()

    def _answer(self, value: object) -> None:
        if self._slot is not None:
            self._slot.fill(value)
            self._slot = None

    def _count(self) -> None:
        found: dict[Key, int] = {}
        for key, notes in self._stage.notes().items():
            warned = sum(note.kind in ("warn", "fail") for note in notes)
            if warned:
                found[key] = warned
        self._steps.warnings = found
