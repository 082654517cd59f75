"""`aimx tui`: three modes over one state that events and answers change. Widgets show it; only this app replaces it."""

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.types import CSSPathType

from aimx import errors, limits
from aimx.errors import AimxError, DaemonRefused, DaemonUnavailable, Failed
from aimx.wire.frames import Request
from aimx_tui import safe
from aimx_tui.dash import asking, live, modes, reduce, state
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.state import Stale, State
from aimx_tui.shell import Shell

_ORDER: tuple[Stale, ...] = ("mailboxes", "rows", "hooks", "runs", "status")


def run(gateway: Gateway) -> None:
    """The whole of `aimx tui` on a terminal that `terminal.suitable` takes. Raises: Failed when it broke down."""
    dashboard = Dashboard(gateway)
    dashboard.run()
    if dashboard.broken() is not None:
        raise Failed("the dashboard broke down; mail is untouched, `aimx emails` shows it too") from dashboard.broken()


class Dashboard(Shell):
    """The app. Modes are screens; each shows the state whenever there is another one."""

    TITLE = "aimx"
    CSS_PATH: ClassVar[CSSPathType | None] = ["../shell.tcss", "dash.tcss"]
    MODES = {mode.name: mode.screen for mode in modes.MODES}  # noqa: RUF012  as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(mode.key, f"switch_mode('{mode.name}')", mode.title, id=f"mode.{mode.name}", tooltip=mode.about)
            for mode in modes.MODES
        ),
        Binding("ctrl+r", "again", "Refresh", id="again", show=False, tooltip="Ask the daemon for everything anew"),
    ]

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway
        self.state = State()
        self._settling = False

    def on_mount(self) -> None:
        """The first mode, and the stream of events."""
        super().on_mount()
        self.switch_mode(modes.MODES[0].name)
        self.run_worker(self._follow(), group="events")

    def put(self, changed: State) -> None:
        """Another state: shown at once, and what is stale in it is asked for soon."""
        self.state = changed
        if isinstance(self.screen, Frame):
            self.screen.show(changed)
        if changed.stale and not self._settling:
            self._settling = True
            self.set_timer(limits.TUI_SETTLE_S, self._settle)

    def action_again(self) -> None:
        """Everything anew."""
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
        async for happened in live.happenings(self.gateway):
            self.put(reduce.reduce(self.state, happened))

    def _settle(self) -> None:
        """One question for all that happened meanwhile; a mode that is not shown asks when it is."""
        self._settling = False
        self.run_worker(self._ask_again(), group="stale", exclusive=True)

    async def _ask_again(self) -> None:
        for kind in _ORDER:
            if kind in self.state.stale:
                try:
                    changed = await _READERS[kind](self)
                except DaemonRefused as error:
                    self.say(error.reason, trouble=True)
                except (DaemonUnavailable, AimxError):
                    return  # the stream says so; what is stale stays so until it is there again
                else:
                    self.put(changed)

    async def _mailboxes(self) -> State:
        self._fresh("mailboxes")
        found = await asking.mailboxes(self.gateway)
        return self.state._replace(mailboxes=found, mailboxes_loaded=True)

    async def _rows(self) -> State:
        asked = self.state.listing.asked
        self._fresh("rows")
        page, following = await asking.page(self.gateway, asked)
        if self.state.listing.asked != asked:
            return self.state  # somebody looks elsewhere by now, and that is stale
        return self.state._replace(listing=state.merged(self.state.listing, page, following))

    async def _hooks(self) -> State:
        self._fresh("hooks")
        return self.state._replace(hooks=await asking.hooks(self.gateway))

    async def _runs(self) -> State:
        self._fresh("runs")
        return self.state._replace(runs=await asking.runs(self.gateway))

    async def _status(self) -> State:
        self._fresh("status")
        return self.state._replace(status=await asking.status(self.gateway))

    def _fresh(self, kind: Stale) -> None:
        """Before the question: what happens while it is answered outdates the answer."""
        self.state = self.state._replace(stale=self.state.stale - {kind})


_READERS: dict[Stale, Callable[[Dashboard], Awaitable[State]]] = {
    "mailboxes": Dashboard._mailboxes,
    "rows": Dashboard._rows,
    "hooks": Dashboard._hooks,
    "runs": Dashboard._runs,
    "status": Dashboard._status,
}
