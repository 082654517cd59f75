"""Mode 1: mailboxes, the mail of the chosen one, and the reader. Asks the daemon what its widgets want."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal

from aimx_tui import safe
from aimx_tui.dash.frame import Frame
from aimx_tui.dash.state import Mail, Mailbox, State
from aimx_tui.grid import Column, Grid


class MailMode(Frame):
    """Three panes; the reader is a screen of its own where there is little room."""

    def body(self) -> ComposeResult:
        """The panes."""
        with Horizontal(id="panes"):
            yield Grid[Mailbox]([Column("Mailbox"), Column("New", 5)], lambda box: box.name, _box, id="mailboxes")
            yield Grid[Mail]([Column("From", 24), Column("Subject")], lambda row: row.key, _row, id="mails")

    def show(self, state: State) -> None:
        """Bring it to the panes."""
        super().show(state)
        if self.is_mounted:
            self.query_one("#mailboxes", Grid).put(state.mailboxes)
            self.query_one("#mails", Grid).put(state.listing.rows)


def _box(box: Mailbox) -> list[Text]:
    return [safe.text(box.name), Text(str(box.unread) if box.unread else "")]


def _row(row: Mail) -> list[Text]:
    style = "" if row.read else "bold"
    return [safe.text(safe.line(row.from_ or row.to), style), safe.text(safe.line(row.subject), style)]
