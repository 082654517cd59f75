"""The line of keys at the bottom, drawn by one widget: Textual's own makes a widget per key, anew each time."""

from rich.text import Text
from textual.binding import Binding
from textual.events import Click
from textual.screen import Screen
from textual.widget import Widget

_FIRST = {"leave": 0, "help": 1}


class Keys(Widget):
    """The keys of the screen that are to be shown, as many as fit; a click on one presses it."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Keys { dock: bottom; height: 1; color: $footer-foreground; background: $surface; }
    Keys > .keys--key { color: $footer-key-foreground; text-style: bold; }
    """
    COMPONENT_CLASSES = {"keys--key"}  # noqa: RUF012  as Textual declares it

    def on_mount(self) -> None:
        """Other keys whenever the focus is elsewhere."""
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def render(self) -> Text:
        """`key what`, and again."""
        style, line = self.get_component_rich_style("keys--key", partial=True), Text(" ", no_wrap=True, end="")
        for binding, enabled in self._shown():
            room = self.size.width - line.cell_len
            key, what = self.app.get_key_display(binding), f" {binding.description}"
            if len(key) + len(what) > room:
                break
            line.append(key, style).append(what + "  ", "" if enabled else "dim")
        return line

    def on_click(self, click: Click) -> None:
        """Presses the key."""
        right = 1
        for binding, _ in self._shown():
            right += len(self.app.get_key_display(binding)) + len(binding.description) + 3
            if click.x < right:
                self.app.simulate_key(binding.key)
                return

    def _changed(self, screen: Screen[object]) -> None:
        if screen is self.screen:
            self.refresh()

    def _shown(self) -> list[tuple[Binding, bool]]:
        """One of each action, its first; how to end and where all keys are told come first."""
        found: dict[str, tuple[Binding, bool]] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.show:
                found.setdefault(active.binding.action, (active.binding, active.enabled))
        return sorted(found.values(), key=lambda shown: _FIRST.get(shown[0].id or "", len(_FIRST)))
