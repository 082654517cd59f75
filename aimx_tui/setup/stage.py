"""The right side: the step that is worked on, its notes, and the panel that asks. Knows no thread and no story."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from aimx.provision.setup import texts
from aimx.provision.setup.api import Note
from aimx.provision.setup.steps import STEPS, Checklist, Key, step
from aimx_tui.setup.journal import Journal


class Stage(Vertical):
    """One journal per step, of which one is shown; at most one panel."""

    def __init__(self) -> None:
        super().__init__(id="stage")
        self._journals = {one.key: Journal(one.key) for one in STEPS}
        self._panel: Widget | None = None
        self.current: Key = "preflight"
        self._over = False

    def compose(self) -> ComposeResult:
        """Heading, journals, and the place for a panel."""
        yield Static("", id="heading")
        with VerticalScroll(id="flow", can_focus=False):
            with ContentSwitcher(id="journals", initial="journal-preflight"):
                yield from self._journals.values()
            yield Vertical(id="ask")

    def on_mount(self) -> None:
        """The first step."""
        self.show(None)

    def moved(self, checklist: Checklist) -> None:
        """Another step is worked on, or the last one is over."""
        working = [line.step.key for line in checklist.lines if line.state == "progress"]
        self._over = checklist.line("agents").state == "handoff"
        if working and working[0] != self.current:
            self.current = working[0]
            self._journals[self.current].clear()
        self.show(None)

    def afresh(self) -> None:
        """The step asks from its start again: what was told of it so far no longer counts."""
        self._journals[self.current].clear()
        self._note_room(self.current)

    def begin(self) -> None:
        """Everything from the start."""
        for journal in self._journals.values():
            journal.clear()

    def add(self, note: Note) -> None:
        """To the notes of the step that is worked on."""
        self._journals[self.current].add(note)
        self._note_room(self.current)
        self.query_one("#flow").scroll_end(animate=False)

    def notes(self) -> dict[Key, list[Note]]:
        """All that was told."""
        return {key: list(journal.notes) for key, journal in self._journals.items()}

    def show(self, key: Key | None) -> None:
        """The notes of that step, without the panel; None: the step that is worked on."""
        shown = step(key or self.current)
        self.query_one("#journals", ContentSwitcher).current = f"journal-{shown.key}"
        heading = f"Step {shown.number} of {len(STEPS)} · {shown.title}"
        if self._over and key is None:
            heading = texts.FINISHED
        self.query_one("#heading", Static).update(Text(heading))
        self.query_one("#ask").display = key is None
        self._note_room(shown.key)
        self.set_class(key is not None, "-review")

    def _note_room(self, key: Key) -> None:
        """Air between notes and panel, where there are notes."""
        self.set_class(bool(self._journals[key].notes), "-noted")

    async def put(self, panel: Widget) -> None:
        """The panel for what is asked or done now, instead of the one before."""
        self.show(None)
        await self.take()
        self._panel = panel
        self.set_class(True, f"-{type(panel).__name__.lower()}")
        await self.query_one("#ask").mount(panel)

    async def take(self) -> None:
        """No panel."""
        if self._panel is not None:
            self.set_class(False, f"-{type(self._panel).__name__.lower()}")
            await self._panel.remove()
            self._panel = None

    @property
    def panel(self) -> Widget | None:
        """What asks now."""
        return self._panel
