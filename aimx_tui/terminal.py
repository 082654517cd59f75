"""Whether a full-screen program can be shown to whoever runs us. Imports nothing that draws."""

import os
import sys


def suitable() -> bool:
    """Whether a full-screen program can be drawn here, and be answered.

    A terminal on both sides that knows more than lines, and an encoding that has the signs.
    """
    if sys.stdin is None or sys.stdout is None or not (sys.stdin.isatty() and sys.stdout.isatty()):
        return False
    if os.environ.get("TERM", "dumb") in ("", "dumb", "unknown"):
        return False
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
