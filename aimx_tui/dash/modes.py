"""The modes of the dashboard, in the order of their keys. What a screen takes is loaded when it is first shown."""

from collections.abc import Callable
from typing import NamedTuple

from aimx_tui.dash.frame import Frame


class Mode(NamedTuple):
    """A mode: what it is called and what makes its screen."""

    name: str
    key: str
    title: str
    about: str
    screen: Callable[[], Frame]


def _mail() -> Frame:
    from aimx_tui.dash.mail.screen import MailMode

    return MailMode()


def _hooks() -> Frame:
    from aimx_tui.dash.hooks.screen import HooksMode

    return HooksMode()


def _health() -> Frame:
    from aimx_tui.dash.health.screen import HealthMode

    return HealthMode()


MODES = (
    Mode("mail", "1", "Mail", "Mailboxes, their mail, and the reader", _mail),
    Mode("hooks", "2", "Hooks", "Hooks, what became of their runs, and why", _hooks),
    Mode("health", "3", "Health", "How the daemon is, what doctor says, and what happens", _health),
)
