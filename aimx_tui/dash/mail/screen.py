"""Mode 1: mailboxes, the mail of the chosen one, and the reader. Asks the daemon what its widgets want."""

from aimx_tui.dash.compose.actions import Writing
from aimx_tui.dash.mail.handling import Handling


class MailMode(Writing, Handling):
    """Three panes; the reader is a screen of its own where there is little room."""

    MODE = "mail"
    ABOUT = (
        "Mailboxes with what is new in them, the mail of the chosen one, and the reader. Text of strangers is shown and"
        " never obeyed: links open only after their target has been shown, and nothing is fetched from elsewhere."
    )
