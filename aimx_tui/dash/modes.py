"""The modes of the dashboard, in the order of their keys."""

from typing import NamedTuple

from aimx_tui.dash.frame import Frame
from aimx_tui.dash.hooks.screen import HooksMode
from aimx_tui.dash.mail.screen import MailMode


class Mode(NamedTuple):
    """A mode: what it is called and which screen it is."""

    name: str
    key: str
    title: str
    about: str
    screen: type[Frame]


MODES = (
    Mode("mail", "1", "Mail", "Mailboxes, their mail, and the reader", MailMode),
    Mode("hooks", "2", "Hooks", "Hooks, what became of their runs, and why", HooksMode),
)
