"""What every full-screen program of aimx has: its themes, its keys, its way to end, and that no traceback is shown."""

import asyncio
import os
import signal
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType

from aimx_tui import theme
from aimx_tui.help import Help
from aimx_tui.sheets import Sheets

if TYPE_CHECKING:  # it imports a dozen widgets that nobody needs before the first picture
    from textual.types import CSSPathType

# Whoever sends these expects the program to end, the terminal to be as it was, and nothing half done.
_ENDING = (signal.SIGTERM, signal.SIGHUP)


class Shell(App[None]):
    """Base of the apps. `leave` says what ctrl+c and ctrl+q do; `hang_up` what a signal to end does."""

    ENABLE_COMMAND_PALETTE = False  # every action has a key, and every key is in the footer or the help
    CSS_PATH: ClassVar["CSSPathType | None"] = "shell.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "help", "Help", id="help", key_display="F1", tooltip="What the keys do here"),
        Binding("f9", "light", "Light/dark", id="light", show=False, tooltip="Swap light and dark colours"),
        Binding(
            "ctrl+q,ctrl+c",
            "leave",
            "End",
            id="leave",
            key_display="^q",
            priority=True,
            tooltip="End the program; asks first when something is under way",
        ),
    ]

    def __init__(self) -> None:
        coloured = os.environ.get("NO_COLOR")
        super().__init__()
        if coloured is not None:  # Textual takes it away; whoever prints after us has to see it
            os.environ["NO_COLOR"] = coloured
        for known in (theme.DARK, theme.LIGHT):
            self.register_theme(known)
        self.theme = theme.preferred().name
        self.stylesheet = Sheets(self.get_css_variables())

    def on_mount(self) -> None:
        """Signals end the program as a key does."""
        if not self.is_headless:
            for number in _ENDING:
                asyncio.get_running_loop().add_signal_handler(number, self.hang_up)

    def action_help(self) -> None:
        """The keys of the screen that is shown."""
        if not isinstance(self.screen, Help):
            self.push_screen(Help(tuple(self.screen.active_bindings.values())))

    def action_light(self) -> None:
        """The other theme."""
        self.theme = theme.LIGHT.name if self.theme == theme.DARK.name else theme.DARK.name

    def action_leave(self) -> None:
        """End, with a question where something would be lost."""
        self.exit()

    def hang_up(self) -> None:
        """End at once, as far as that can be."""
        self.exit()

    def broken(self) -> Exception | None:
        """The defect that ended the program, if one did."""
        return self._exception

    def _fatal_error(self) -> None:
        self._close_messages_no_wait()
