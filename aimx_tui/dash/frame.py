"""What the screens of all modes share: the title with the daemon's state, a banner while it is away, the keys."""

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Static

from aimx_tui import safe
from aimx_tui.dash.state import State
from aimx_tui.keys import Keys

if TYPE_CHECKING:
    from aimx_tui.dash.app import Dashboard

_LINKS = {"connecting": "◌ connecting", "live": "● live", "away": "✗ daemon away"}


class Frame(Screen[None]):
    """A mode. `body` is its content; `show` brings a new state to it and may be called at any time.

    `MODE`: its name. `ABOUT`: a few sentences for its help.
    """

    MODE: ClassVar[str]
    ABOUT: ClassVar[str] = ""

    BLANK = True  # title, body and keys cover it

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  as Textual declares it

    @property
    def dashboard(self) -> "Dashboard":
        """The app."""
        return cast("Dashboard", self.app)

    def compose(self) -> ComposeResult:
        """Title, banner, body, keys."""
        width = self.app.size.width  # its class at once: a later one has the styles of all widgets looked up again
        self.add_class(max((least, name) for least, name in self.HORIZONTAL_BREAKPOINTS if width >= least)[1])
        yield Static("", id="title")
        yield Static("", id="away")
        yield from self.body()
        yield Keys()

    def body(self) -> ComposeResult:
        """Of this mode; nothing but title, banner and keys where it has none."""
        yield from ()

    def on_screen_resume(self) -> None:
        """What happened while another mode was shown."""
        self.show(self.dashboard.state)

    def show(self, state: State) -> None:
        """Bring it to the screen. Callers extend it."""
        if not self.is_mounted:
            return
        self.query_one("#title", Static).update(self._title(state), layout=False)
        away = self.query_one("#away", Static)
        if away.display != (state.link == "away"):
            away.display = state.link == "away"
        if state.link == "away":
            again = f" Trying again in {state.again_s:g} s; what is shown was true before."
            away.update(safe.text(f"✗ {state.why}.{again}"))

    def _title(self, state: State) -> Text:
        from aimx_tui.dash.modes import MODES  # which knows its screens

        title = Text(" aimx", style="bold")
        if state.status is not None:
            title.append(f" {safe.line(str(state.status['domain']))}", style="not bold")
        for mode in MODES:
            here = mode.name == self.MODE
            title.append("   ").append(f"{mode.key} {mode.title}", style="bold underline" if here else "not bold")
        return title.append("   ").append(_LINKS[state.link], style="not bold")
