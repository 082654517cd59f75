"""What a person may choose of the dashboard: theme, keys, and the palette that offers everything. Files in threads."""

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.theme import Theme

from aimx.errors import Refused
from aimx_tui import theme
from aimx_tui.dash import settings
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.settings import Settings
from aimx_tui.help import Help
from aimx_tui.shell import Shell

if TYPE_CHECKING:
    from textual.command import Provider


def _offers() -> "type[Provider]":
    from aimx_tui.dash.palette import Offers

    return Offers


def _searched() -> "type[Provider]":
    from aimx_tui.dash.palette import Searched

    return Searched


class Configured(Shell):
    """Base of the dashboard. A notice says what of tui.toml was not understood."""

    ENABLE_COMMAND_PALETTE = True
    COMMANDS = {_offers, _searched}  # noqa: RUF012  as Textual declares it
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(
            "ctrl+p,colon", "command_palette", "Palette", id="palette", key_display="^p",
            tooltip="Everything there is to do, and mailboxes, mail, hooks and themes by name",
        ),
        Binding("f8", "change_theme", "Theme", id="theme", show=False, tooltip="Choose other colours; they are kept"),
    ]  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(theme.CONTRAST)
        self._settings_file = settings.path()
        self._chosen = settings.read(self._settings_file)
        if self._chosen.theme in self.available_themes:
            self.theme = self._chosen.theme
        self._kept = self.theme  # the one that tui.toml has, or that was there without it

    def on_mount(self) -> None:
        """The keys before the first picture; what is wrong with them after it."""
        super().on_mount()
        self.set_keymap(self._chosen.keys)
        self.theme_changed_signal.subscribe(self, self._theme_chosen)
        if self._chosen != Settings():
            self.call_after_refresh(self._judge, self._chosen)

    def action_help(self) -> None:
        """The keys of the screen that is shown, below what it is about."""
        if not isinstance(self.screen, Help):
            about = self.screen.ABOUT if isinstance(self.screen, Frame) else ""
            self.push_screen(Help(tuple(self.screen.active_bindings.values()), about))

    def _judge(self, found: Settings) -> None:
        """One notice for all that is wrong."""
        from aimx_tui.dash import bindings

        known = bindings.rows() if found.keys else ()
        ids = {row.id for row in known}
        troubles = list(found.troubles)
        if found.theme is not None and found.theme not in self.available_themes:
            troubles.append(f"tui.toml: there is no theme {found.theme}; F8 shows those that are")
        troubles += [f"tui.toml: there is no binding {name}" for name in found.keys if name not in ids]
        troubles += [f"tui.toml: {clash}" for clash in bindings.clashes(found.keys, known)]
        if troubles:
            self.notify("\n".join(f"✗ {trouble}" for trouble in troubles), severity="warning", markup=False)

    def _theme_chosen(self, chosen: Theme) -> None:
        if chosen.name != self._kept:
            self._kept = chosen.name
            self.run_worker(self._keep(chosen.name), group="theme", exclusive=True)

    async def _keep(self, name: str) -> None:
        try:
            await asyncio.to_thread(settings.save_theme, self._settings_file, name)
        except Refused as refused:
            self.notify(f"✗ {refused.reason}", severity="warning", markup=False)
