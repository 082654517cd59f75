"""Which email is meant? The newest ones of a mailbox, and for a test a sample too. Asks until the daemon answers."""

import asyncio
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from aimx import errors, limits
from aimx.errors import AimxError
from aimx.wire.frames import EmailList
from aimx_tui import safe
from aimx_tui.dash import state
from aimx_tui.dash.gateway import Gateway
from aimx_tui.dash.state import Mail
from aimx_tui.dash.working import later
from aimx_tui.grid import Column, Grid

SAMPLE = Mail("", "", "", subject="a sample that nobody sent")
_KEYS = "Enter takes it · Esc goes back"


class Which(ModalScreen[Mail | None]):
    """The chosen one, SAMPLE, or None where nothing is to be done."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Back", id="which.back", tooltip="Choose none")
    ]

    def __init__(self, gateway: Gateway, title: str, hook: dict[str, str], sample: bool) -> None:
        super().__init__()
        self._gateway, self._title, self._hook = gateway, title, hook
        self._first = (SAMPLE,) if sample else ()

    def compose(self) -> ComposeResult:
        """A title, the mail, the keys."""
        columns = [Column("When", 16), Column("Of", 20), Column("Subject")]
        with Vertical(classes="dialog which"):
            yield Static(safe.text(self._title), classes="dialog-title")
            yield Grid[Mail](columns, lambda mail: mail.id, _row, "Asking…", id="which")
            yield Static(Text(_KEYS), classes="hint")

    def on_mount(self) -> None:
        """The newest mail, as soon as it is told."""
        self.query_one(Grid).put(self._first)
        self.query_one(Grid).focus()
        self.run_worker(later(self._ask), group="which")

    async def _ask(self) -> None:
        folder = "inbox" if self._hook["event"] == "on_receive" else "sent"
        grid, hint = self.query_one(Grid), self.query_one(".hint", Static)
        told = await self._answer(folder, hint)
        hint.update(Text(_KEYS))
        grid.empty = f"There is no mail in {folder} of {self._hook['mailbox']}."
        grid.put((*map(state.mail, told["emails"]), *self._first))
        if grid.item == SAMPLE:
            grid.action_end(False)

    async def _answer(self, folder: str, hint: Static) -> Any:
        """The newest mail, as soon as it is told; until then the reason why it is not."""
        asked = EmailList(mailbox=self._hook["mailbox"], folder=folder, limit=limits.TUI_EMAILS_OFFERED)
        tries = iter(limits.WATCH_RETRY_S)
        while True:
            try:
                return await self._gateway.value(asked)
            except AimxError as error:
                hint.update(Text(f"{safe.line(errors.told(error))} · Esc goes back"))
            await asyncio.sleep(next(tries, limits.WATCH_RETRY_S[-1]))

    def on_grid_chosen(self, _: Grid.Chosen) -> None:
        """That one."""
        self.dismiss(self.query_one(Grid).item)


def _row(mail: Mail) -> list[Text]:
    who = mail.from_ if mail.folder == "inbox" else mail.to
    when = (mail.received_at or mail.date)[:16].replace("T", " ")
    return [safe.text(when), safe.text(safe.line(who)), safe.text(safe.line(mail.subject))]
