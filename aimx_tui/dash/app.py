"""`aimx tui`: three modes over one state that events and answers change. Widgets show it; only this app replaces it."""

import asyncio
import contextlib
import gc
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from textual.binding import Binding, BindingType
from textual.worker import Worker, get_current_worker

from aimx import errors, limits
from aimx.errors import AimxError, DaemonUnavailable, Failed
from aimx.wire.frames import Request
from aimx_tui import safe
from aimx_tui.dash import asking, live, modes, reduce, state
from aimx_tui.dash.configured import Configured
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.state import Stale, State
from aimx_tui.dash.working import later

if TYPE_CHECKING:  # it imports a dozen widgets that nobody needs before the first picture
    from textual.types import CSSPathType

_ORDER: tuple[Stale, ...] = ("mailboxes", "rows", "hooks", "runs", "status")


def run(gateway: Gateway, data_dir: str | None = None) -> None:
    """The whole of `aimx tui` on a terminal that `terminal.suitable` takes. Raises: Failed when it broke down."""
    dashboard = Dashboard(gateway, data_dir)
    dashboard.run()
    if dashboard.broken() is not None:
        raise Failed("the dashboard broke down; mail is untouched, `aimx emails` shows it too") from dashboard.broken()


class Dashboard(Configured):
    """The app. Modes are screens; each shows the state whenever there is another one."""

    TITLE = "aimx"
    CSS_PATH: ClassVar["CSSPathType | None"] = ["../shell.tcss", "dash.tcss", "hooks/hooks.tcss", "health/health.tcss"]
    DEFAULT_MODE = modes.MODES[0].name
    MODES = {mode.name: mode.screen for mode in modes.MODES}  # noqa: RUF012  as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(mode.key, f"switch_mode('{mode.name}')", mode.title, id=f"mode.{mode.name}", tooltip=mode.about)
            for mode in modes.MODES
        ),
        Binding("ctrl+r", "again", "Refresh", id="again", show=False, tooltip="Ask the daemon for everything anew"),
    ]

    def __init__(self, gateway: Gateway, data_dir: str | None = None) -> None:
        """`data_dir`: of the flag, for doctor."""
        super().__init__()
        self.gateway, self.data_dir = gateway, data_dir
        self.state = State()
        self._news = False  # events have changed the state, and a picture of that is due
        self._pictured = 0.0  # when the last one was made, by the loop's clock
        self._due: set[Stale] = set()  # that is stale and has a question waiting or under way
        self._asking: dict[Stale, Worker[None]] = {}
        self._rest_s: dict[Stale, float] = {}
        self._hurry = asyncio.Event()
        self._listens = False  # to what it is sent
        self._begun = asyncio.Event()  # there is something to show

    async def on_load(self) -> None:
        """The stream of events. A picture of nothing costs as much as one of mail: what is told soon is waited for."""
        self.run_worker(later(self._follow), group="events")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._begun.wait(), limits.TUI_FIRST_S)

    def on_mount(self) -> None:
        """What was put off for the first picture."""
        super().on_mount()
        self._listens = True
        if not gc.isenabled():
            self.after_picture(_collect)

    def after_picture(self, do: Callable[[], None]) -> None:
        """What the first picture has not to wait for; at once when it has been drawn."""
        self.call_later(self.call_after_refresh, do)

    def put(self, changed: State) -> None:
        """Another state: shown at once, and what is stale in it is asked for soon. Another list is asked for now."""
        elsewhere = _elsewhere(self.state, changed)
        self.state = changed
        self._picture()
        if changed.link != "away":
            for kind in elsewhere & changed.stale:
                self._due.add(kind)
                self._ask_now(kind)
        self._arrange()

    def action_again(self) -> None:
        """Everything anew."""
        self._hurry.set()
        self.put(self.state._replace(stale=frozenset(_ORDER)))

    async def ask(self, request: Request, done: str = "", timeout_s: float = limits.CLIENT_ADMIN_S) -> Any:
        """Have something done, and say so; None where it was not (said too), else what the answer holds or True."""
        try:
            value = await self.gateway.value(request, timeout_s)
        except AimxError as error:
            self.say(errors.told(error), trouble=True)
            return None
        if done:
            self.say(done)
        return True if value is None else value

    def say(self, text: str, trouble: bool = False) -> None:
        """A notice in the corner. Any text: none of it is markup."""
        sign = "✗ " if trouble else "✓ "
        self.notify(sign + safe.shown(text), severity="error" if trouble else "information", markup=False)

    async def _follow(self) -> None:
        """Each event at once into the state, many into one picture."""
        async for happened in live.happenings(self.gateway, sleep=self._pause):
            self.state = reduce.reduce(self.state, happened)
            if not self._news:
                self._news = True
                self._later(self._pictured + limits.TUI_NEWS_S - _now(), self._show_news)

    async def _pause(self, seconds: float) -> None:
        """Before the daemon is tried again; cut short by whoever asks for that."""
        self._hurry.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._hurry.wait(), seconds)

    def _show_news(self) -> None:
        self._news = False
        self._picture()
        self._arrange()

    def _picture(self) -> None:
        self._pictured = _now()
        if _shows(self.state):
            self._begun.set()
        for screen in self.screen_stack[-1:]:  # none once the app has ended
            if isinstance(screen, Frame) and self.is_running:  # a screen that is taken down has lost its widgets
                screen.show(self.state)

    def _arrange(self) -> None:
        """A question for everything that is stale, after a while: one for all that happens meanwhile."""
        if self.state.link == "away":
            return  # the stream begins with something that outdates everything
        for kind in _ORDER:
            if kind in self.state.stale and kind not in self._due:
                self._due.add(kind)
                self._later(self._rest_s.get(kind, 0.0), partial(self._ask_now, kind))

    def _later(self, wait_s: float, do: Callable[[], None]) -> None:
        """A timer of Textual's cannot be one of no time, and what it calls later waits until the app has begun."""
        if wait_s > 0:
            self.set_timer(wait_s, do)
        elif self._listens:
            self.call_later(do)
        else:
            do()

    def _ask_now(self, kind: Stale) -> None:
        self._asking[kind] = self.run_worker(later(self._ask_again, kind), group=f"stale {kind}", exclusive=True)

    async def _ask_again(self, kind: Stale) -> None:
        """One question; what is told replaces what was known. How long it took says how soon it may be asked again."""
        began = _now()
        try:
            self.put(await _READERS[kind](self))
        except DaemonUnavailable:
            self.state = self.state._replace(stale=self.state.stale | {kind})
        except AimxError as error:
            self.say(errors.told(error), trouble=True)
        if self._asking.get(kind) is get_current_worker():
            took = (_now() - began) * limits.TUI_REST_RATIO
            self._rest_s[kind] = min(max(took, limits.TUI_SETTLE_S), limits.TUI_REST_MAX_S)
            self._due.discard(kind)
            self._arrange()

    async def _shutdown(self) -> None:
        """Nobody works on while the screens go: what they work on goes first."""
        self.workers.cancel_all()
        await super()._shutdown()

    async def _mailboxes(self) -> State:
        self._fresh("mailboxes")
        found = await asking.mailboxes(self.gateway)
        return self.state._replace(mailboxes=found, mailboxes_loaded=True)

    async def _rows(self) -> State:
        asked, known = self.state.listing.asked, frozenset(row.key for row in self.state.listing.rows)
        self._fresh("rows")
        page, following = await asking.page(self.gateway, asked)
        if self.state.listing.asked != asked:
            return self.state  # somebody looks elsewhere by now, and that is stale
        return self.state._replace(listing=state.merged(self.state.listing, page, following, known))

    async def _hooks(self) -> State:
        self._fresh("hooks")
        found = await asking.hooks(self.gateway)
        return self.state._replace(hooks=found, hooks_loaded=True)

    async def _runs(self) -> State:
        self._fresh("runs")
        hook = self.state.runs_of
        found = await asking.runs(self.gateway, hook)
        if self.state.runs_of != hook:
            return self.state  # another one was chosen meanwhile, and that is stale
        return self.state._replace(runs=found, runs_loaded=True)

    async def _status(self) -> State:
        self._fresh("status")
        found = await asking.status(self.gateway)
        return self.state._replace(status=found)

    def _fresh(self, kind: Stale) -> None:
        """Before the question: what happens while it is answered outdates the answer, and is in the state by then."""
        self.state = self.state._replace(stale=self.state.stale - {kind})


def _shows(state: State) -> bool:
    """Whether the first mode has all that it shows, or will not have it soon."""
    known = state.listing.loaded and state.mailboxes_loaded and state.status is not None
    return known or state.link == "away"


def _elsewhere(before: State, after: State) -> frozenset[Stale]:
    """What another answer is wanted of than before."""
    rows: frozenset[Stale] = frozenset({"rows"} if before.listing.asked != after.listing.asked else ())
    runs: frozenset[Stale] = frozenset({"runs"} if before.runs_of != after.runs_of else ())
    return rows | runs


def _collect() -> None:
    """From now on; what the start has made stays for good."""
    gc.freeze()
    gc.enable()


def _now() -> float:
    return asyncio.get_running_loop().time()


_READERS: dict[Stale, Callable[[Dashboard], Awaitable[State]]] = {
    "mailboxes": Dashboard._mailboxes,
    "rows": Dashboard._rows,
    "hooks": Dashboard._hooks,
    "runs": Dashboard._runs,
    "status": Dashboard._status,
}
