"""Mode 2: hooks, the runs of the chosen one, and everything about either. Asks the daemon what its modals want done."""

from typing import Any, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Static

from aimx.wire.frames import HookDelete, HookExplain, HookTest
from aimx_tui import safe
from aimx_tui.dash.confirm import Confirm
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.full import Full
from aimx_tui.dash.hooks import detail, words
from aimx_tui.dash.hooks.asked import Question
from aimx_tui.dash.hooks.form import NewHook
from aimx_tui.dash.hooks.which import SAMPLE, Which
from aimx_tui.dash.state import Mail, Stale, State
from aimx_tui.grid import Column, Grid

Told = dict[str, Any]
_ALL: Told = {"name": ""}  # no hook has that name
_STYLES = {"good": "", "bad": "bold", "odd": "", "none": "italic"}


class HooksMode(Frame):
    """The cursor on a hook chooses whose runs are shown; on a run, which one is told in full."""

    MODE = "hooks"
    ABOUT = (
        "A hook is a program that runs when mail has arrived or was sent. Above are the hooks, below what became of"
        " their runs. Test runs one now, as its mailbox's owner; Explain says gate by gate why it fires for an email or"
        " does not."
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus", "create", "New", id="hooks.create", key_display="+", tooltip="Make a hook"),
        Binding("D", "delete", "Delete", id="hooks.delete", tooltip="Delete the hook"),
        Binding("t", "test", "Test", id="hooks.test", tooltip="Run the hook now, for an email or a sample"),
        Binding("x", "explain", "Explain", id="hooks.explain", tooltip="Why the hook fires for an email, or does not"),
        Binding("y", "copy", "Copy", id="hooks.copy", show=False, tooltip="Copy the email's id, or the hook's command"),
        Binding("q", "app.leave", "End", id="hooks.end", show=False, tooltip="End the dashboard"),
        Binding("left,h", "app.focus_previous", "", id="hooks.left", show=False, tooltip="To the pane before"),
        Binding("right,l", "app.focus_next", "", id="hooks.right", show=False, tooltip="To the next pane"),
    ]

    def body(self) -> ComposeResult:
        """Hooks above their runs; beside them, or below, what is known of the one with the cursor."""
        hooks = [Column("Hook"), Column("Mailbox", 12), Column("Event", 10), Column("Fires for", 21), Column("Command")]
        runs = [Column("When, UTC", 14), Column("Hook", 14), Column("Outcome", 0, 16), Column("Took", 8)]
        with Horizontal(id="hooks-panes"):
            with Vertical(id="hooks-lists"):
                yield Grid[Told](hooks, lambda hook: hook["name"], _hook, id="hooks")
                yield Grid[Told](runs, lambda run: str(run["run"]), _run, "Asking…", id="runs")
            with VerticalScroll(id="hooks-detail"):
                yield Static("", id="about")

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012  as Textual declares it

    def __init__(self) -> None:
        super().__init__()
        self._of_runs = False
        self._last: State | None = None  # that was shown

    def on_mount(self) -> None:
        """The first pane."""
        self.query_one("#hooks").focus()

    def show(self, state: State) -> None:
        """Bring it to the panes."""
        super().show(state)
        if not self.is_mounted:
            return
        before, self._last = self._last, state
        if before is not None and _same(before, state):
            return  # events about mail
        hooks, runs = self.query_one("#hooks", Grid), self.query_one("#runs", Grid)
        hooks.put((_ALL, *state.hooks))
        runs.empty = _nothing(state)
        runs.put([run for run in state.runs if state.runs_of in (None, run["hook"])])
        self._tell()
        self.refresh_bindings()

    def choose(self, name: str) -> None:
        """The cursor on that hook."""
        grid = self.query_one("#hooks", Grid)
        grid.focus()
        grid.go(name)

    def on_grid_moved(self, moved: Grid.Moved) -> None:
        """Another hook's runs, or another one's detail."""
        if moved.grid.id == "hooks":
            wanted = moved.key or None
            state = self.dashboard.state
            if wanted != state.runs_of:
                stale: frozenset[Stale] = state.stale | {"runs"}
                self.dashboard.put(state._replace(runs_of=wanted, runs_loaded=False, stale=stale))
        self._tell()
        self.refresh_bindings()

    def on_descendant_focus(self) -> None:
        """The detail, and what keys do, is about the list that has, or had last, the focus."""
        if isinstance(self.focused, Grid):
            self._of_runs = self.focused.id == "runs"
            self._tell()
            self.refresh_bindings()

    def on_grid_chosen(self, chosen: Grid.Chosen) -> None:
        """A hook: on to its runs. A run: all of it."""
        if chosen.grid.id == "hooks":
            self.query_one("#runs").focus()
        else:
            self.app.push_screen(Full("Run", self._about()))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What needs a hook is not offered without one."""
        if action in ("delete", "test", "explain", "copy"):
            return self._hook() is not None
        return super().check_action(action, parameters)

    @work(group="hook")
    async def action_create(self) -> None:
        """Make a hook."""
        boxes = [
            box.name for box in self.dashboard.state.mailboxes if box.registered and not box.address.startswith("*")
        ]
        hook = self._hook()
        chosen = hook["mailbox"] if hook is not None else boxes[0] if len(boxes) == 1 else None
        made = await self.app.push_screen_wait(NewHook(self.dashboard.gateway, boxes, chosen))
        if made is not None:
            self.dashboard.say(f"Hook created: {made}")

    @work(group="hook")
    async def action_delete(self) -> None:
        """Delete it, once that is confirmed."""
        hook = self._hook()
        if hook is None:
            return
        what = [
            f"{hook['name']} on {hook['mailbox']}, {words.event(hook['event'])}", f"runs {words.command(hook['cmd'])}",
            words.origin(hook.get("origin")), "Mail and past runs stay; it fires no more.",
        ]  # fmt: skip
        if hook.get("origin") == "operator":
            what.append("What the operator set up is deleted by root only.")
        if await self.app.push_screen_wait(Confirm("Delete this hook?", "\n".join(what), "Delete")):
            await self.dashboard.ask(HookDelete(hook["name"]), f"Hook deleted: {hook['name']}")

    @work(group="hook")
    async def action_test(self) -> None:
        """Run it now."""
        await self._about_an_email("Test", sample=True)

    @work(group="hook")
    async def action_explain(self) -> None:
        """Gate by gate."""
        await self._about_an_email("Explain", sample=False)

    def action_copy(self) -> None:
        """To the terminal's clipboard."""
        run, hook = self._run(), self._hook()
        text = run["email_id"] if run is not None else words.command(hook["cmd"]) if hook is not None else ""
        if text:
            self.app.copy_to_clipboard(text)
            self.dashboard.say(f"Copied: {text}")

    async def _about_an_email(self, verb: str, sample: bool) -> None:
        hook, run = self._hook(), self._run()
        if hook is None:
            return
        gateway, email = self.dashboard.gateway, str(run["email_id"]) if run is not None else ""
        if not email or email == words.SAMPLE:
            title = f"{verb} {hook['name']} for which email?"
            mail = await self.app.push_screen_wait(Which(gateway, title, hook, sample))
            if mail is None:
                return
            email = "" if mail == SAMPLE else mail.id
        if sample:
            title, request = f"Test of {hook['name']} for {email or 'a sample'}", HookTest(hook["name"], email or None)
            await self.app.push_screen_wait(Question(gateway, title, request, detail.of_test))
        else:
            asked = HookExplain(hook["name"], email)
            await self.app.push_screen_wait(
                Question(gateway, f"Would {hook['name']} fire?", asked, detail.of_explanation)
            )

    def _run(self) -> Told | None:
        """The run with the cursor, when it is runs that one looks at."""
        found: Told | None = self.query_one("#runs", Grid).item
        return found if self._of_runs else None

    def _hook(self) -> Told | None:
        """The hook that is meant: of the run with the cursor, or the one with the cursor."""
        if not self.is_mounted:
            return None
        run = self._run()
        if run is not None:
            name = run["hook"]
            return next((hook for hook in self.dashboard.state.hooks if hook["name"] == name), None)
        item: Told | None = self.query_one("#hooks", Grid).item
        return item if item is not None and item["name"] else None

    def _tell(self) -> None:
        self.query_one("#about", Static).update(self._about())

    def _about(self) -> RenderableType:
        state, run = self.dashboard.state, self._run()
        if run is not None:
            return detail.of_run(run, self._mail(run))
        hook = self._hook()
        if hook is not None:
            return detail.of_hook(hook, state.runs)
        count = f"{len(state.hooks)} hooks" if len(state.hooks) != 1 else "one hook"
        return Text(f"{count}.\nA hook is a program that runs when mail has arrived or was sent.\n+ makes one.")

    def _mail(self, run: Told) -> Mail | None:
        ids = (run["mailbox"], run["email_id"])
        return next((row for row in self.dashboard.state.listing.rows if (row.mailbox, row.id) == ids), None)


def _same(one: State, other: State) -> bool:
    """Whether this mode shows both alike."""
    asked = (one.runs_of, one.runs_loaded, one.link) == (other.runs_of, other.runs_loaded, other.link)
    return asked and one.hooks is other.hooks and one.runs is other.runs and one.listing is other.listing


def _nothing(state: State) -> str:
    if not state.runs_loaded:
        return "Asking…" if state.link != "away" else ""
    return "No run of any hook." if state.runs_of is None else f"No run of {state.runs_of}."


def _hook(hook: Told) -> list[Text]:
    if hook is _ALL:
        return [Text("All hooks"), Text(), Text(), Text(), Text()]
    command = words.command(hook["cmd"])
    return [safe.text(part) for part in (hook["name"], hook["mailbox"], hook["event"], words.fires(hook), command)]


def _run(run: Told) -> list[Text]:
    ended = words.outcome(run)
    return [
        safe.text(words.moment(run["created"])),
        safe.text(run["hook"]),
        safe.text(ended.text, _STYLES[ended.role]),
        safe.text(words.took(run["duration_ms"])),
    ]
