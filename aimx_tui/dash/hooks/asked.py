"""Something that is asked about a hook and shown: a test run, an explanation. Going away ends the question.

A run that was asked for ends with its question: the daemon sees the connection close.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from aimx import errors, limits
from aimx.errors import AimxError
from aimx.wire.frames import HookExplain, HookTest
from aimx_tui import safe
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.working import later


class Question(ModalScreen[None]):
    """One request; while it is under way the seconds count, Esc ends it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", id="asked.close", tooltip="Close this; what is under way is ended"),
        Binding("j,down", "scroll(1)", "Down", id="asked.down", show=False, tooltip="Further down"),
        Binding("k,up", "scroll(-1)", "Up", id="asked.up", show=False, tooltip="Further up"),
    ]

    def __init__(
        self,
        gateway: Gateway,
        title: str,
        request: HookTest | HookExplain,
        show: Callable[[dict[str, Any]], RenderableType],
    ) -> None:
        super().__init__()
        self._gateway, self._title, self._request, self._draw = gateway, title, request, show
        self._asking, self._since = True, 0.0

    def compose(self) -> ComposeResult:
        """A title, the answer, the keys."""
        with Vertical(classes="dialog asked"):
            yield Static(safe.text(self._title), classes="dialog-title")
            with VerticalScroll(can_focus=False):
                yield Static(Text("▸ running…"), id="answer")
            yield Static(Text("Esc cancels"), classes="hint", id="asked-keys")

    def on_mount(self) -> None:
        """Ask, and count."""
        self._since = time.monotonic()
        self.run_worker(later(self._ask), group="asked")
        self.set_interval(1.0, self._count)

    def action_scroll(self, by: int) -> None:
        """A line up or down."""
        self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)

    def _count(self) -> None:
        if self._asking:
            seconds = int(time.monotonic() - self._since)
            self.query_one("#answer", Static).update(Text(f"▸ running… {seconds} s"))

    async def _ask(self) -> None:
        try:
            text: RenderableType = self._draw(await self._gateway.value(self._request, limits.CLIENT_TEST_S))
        except AimxError as error:
            text = safe.text(f"✗ {errors.told(error)}")
        self._asking = False
        self.query_one("#answer", Static).update(text)
        self.query_one("#asked-keys", Static).update(Text("Esc closes this"))
