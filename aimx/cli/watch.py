"""`aimx watch`: what happens in your mailboxes, as it happens; across restarts of the daemon nothing is missed."""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from typing import Any

from aimx import client, limits
from aimx.cli import diagnostics, output, watch_text
from aimx.config import places
from aimx.errors import DaemonRefused, DaemonUnavailable, Exit, WireCode
from aimx.wire.frames import Watch


def arguments(parser: argparse.ArgumentParser) -> None:
    """The flags."""
    parser.add_argument("--after", metavar="CURSOR", help="begin with what happened after this place")
    parser.add_argument("--mailbox", metavar="NAME", help="of this mailbox only")
    parser.add_argument("--json", action="store_true", help="print each line of the stream as JSON, as it comes")


def run(options: argparse.Namespace) -> int:
    """Show events until Ctrl-C."""
    try:
        for line in _lines(options.after, options.mailbox):
            _show(line, options.json)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return Exit.OK


def _show(line: bytes, raw: bool) -> None:
    if raw:
        output.write_json(line.rstrip(b"\n"))
        return
    told = json.loads(line)
    if told["type"] == "heartbeat":
        output.end_if_unread()
    if told["type"] == "gap":
        diagnostics.say(f"aimx: events are missing before {told['cursor']} ({told['reason']}): look at your mail anew")
    text = watch_text.line(told)
    if text is not None:
        output.write(output.yellow(text) if watch_text.trouble(told) else text)


def _lines(after: str | None, mailbox: str | None) -> Iterator[bytes]:
    """The lines of one connection after another. Raises: what the first one does, and every later refusal for good."""
    tried: int | None = None  # how often in vain since the stream was lost; None: it never was
    while True:
        try:
            for line in client.stream(places.socket_name(), Watch(after, mailbox)):
                if tried:
                    diagnostics.say("aimx: connected again")
                elif tried is None and sys.stderr is not None and sys.stderr.isatty():
                    diagnostics.say("aimx: watching, Ctrl-C ends")
                tried = 0
                after = str(_object(line).get("cursor") or after)
                yield line
            why = "the daemon ended the stream"
        except (DaemonUnavailable, DaemonRefused) as error:
            if tried is None or (isinstance(error, DaemonRefused) and error.code not in (WireCode.TEMP, WireCode.IO)):
                raise
            why = error.reason
        if not tried:
            diagnostics.say(f"aimx: {why}; trying again, nothing will be missed")
        tried = (tried or 0) + 1
        time.sleep(limits.WATCH_RETRY_S[min(tried, len(limits.WATCH_RETRY_S)) - 1])


def _object(line: bytes) -> dict[str, Any]:
    told = json.loads(line)
    return told if isinstance(told, dict) else {}
