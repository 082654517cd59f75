"""`aimx reindex`: the index built anew from the mail itself, by the daemon or, as root without one, by this process."""

import argparse
import json
import sys
import time
from typing import Any

from aimx import limits
from aimx.cli import asking, diagnostics, output
from aimx.errors import Exit
from aimx.wire.frames import Reindex


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("--mailbox", metavar="NAME", help="of this mailbox only")
    parser.add_argument("--json", action="store_true", help="print each line of progress as JSON, as it comes")


def run(options: argparse.Namespace) -> int:
    """Follow it to its end. What is finished when Ctrl-C comes stays."""
    meter = _Meter(options.json)
    try:
        asking.follow(options, Reindex(options.mailbox), "reindex", meter.take)
    except KeyboardInterrupt:
        meter.wipe()
        diagnostics.say("aimx: interrupted; mailboxes that were done stay done, the others are as they were")
        return Exit.INTERRUPTED
    finally:
        meter.wipe()
    if not options.json:
        mailboxes = f"{meter.mailboxes} mailbox{'' if meter.mailboxes == 1 else 'es'}"
        output.write(f"Reindexed {mailboxes}, {meter.messages} message{'' if meter.messages == 1 else 's'}.")
    return Exit.OK


class _Meter:
    """What has been done, on a line of the terminal that is written over."""

    def __init__(self, raw: bool) -> None:
        self.mailboxes = self.messages = 0
        self._raw = raw
        self._shows = sys.stderr is not None and sys.stderr.isatty() and not raw
        self._shown = ""
        self._next = 0.0

    def take(self, line: bytes) -> None:
        """One line of progress."""
        if self._raw:
            output.write_octets(line)
            return
        told: dict[str, Any] = json.loads(line)
        if told.get("finished"):
            self.mailboxes += 1
            self.messages += told["done"]
        if self._shows and time.monotonic() >= self._next:
            self._next = time.monotonic() + limits.METER_S
            whole = f" of {told['total']}" if told.get("total") is not None else ""
            self._show(f"{told['mailbox']}: {told['done']}{whole}")

    def wipe(self) -> None:
        """Leave the line empty."""
        if self._shown:
            self._show("")

    def _show(self, text: str) -> None:
        sys.stderr.write(f"\r{text.ljust(len(self._shown))}{'' if text else chr(13)}")
        sys.stderr.flush()
        self._shown = text
