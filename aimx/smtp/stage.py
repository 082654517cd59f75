"""The names of the two axes of the dialog's table: what was asked, and which kind of reply came."""

from enum import StrEnum
from typing import Literal

Kind = Literal["ok", "go", "later", "never", "closing"]
_KINDS: dict[int, Kind] = {2: "ok", 3: "go", 4: "later", 5: "never"}
CLOSING_CODE = 421  # RFC 5321 section 3.8: allowed to any command


class Stage(StrEnum):
    """What the next reply answers; the text completes a sentence about what was waited for."""

    BANNER = "waiting for the greeting"
    EHLO = "after EHLO"
    HELO = "after HELO"
    STARTTLS = "starting TLS"
    MAIL = "after MAIL"
    RCPT = "after RCPT"
    DATA = "after DATA"
    BODY = "while the message was sent"
    FINAL = "after the final dot"
    QUIT = "at the end"


def kind(code: int) -> Kind:
    """The class of a reply."""
    return "closing" if code == CLOSING_CODE else _KINDS[code // 100]
