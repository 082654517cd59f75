"""`aimx ingest <rcpt>`: a raw message from stdin into the mailbox that takes `rcpt`."""

import argparse
import os
import sys
import time
from typing import TYPE_CHECKING

from aimx import limits
from aimx.cli import diagnostics, output
from aimx.client import body_of, call
from aimx.config import paths
from aimx.errors import ConfigUnreadable, DaemonAbsent, DaemonRunning, DaemonUnavailable, Failed, Refused
from aimx.wire.frames import Ingest

if TYPE_CHECKING:
    from aimx.flows.ingest import Ingested


def arguments(parser: argparse.ArgumentParser) -> None:
    """One positional."""
    parser.add_argument("rcpt", help="recipient address, or the name of a mailbox")
    parser.add_argument("--json", action="store_true", help="print what was stored as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Ingest through the daemon when one holds the writer lock, in this process otherwise."""
    import msgspec

    stored = _ingest(_rcpt(options.rcpt), _message(), options.data_dir)
    if options.json:
        output.write(msgspec.json.encode(stored).decode())
    elif stored.spooled:
        diagnostics.say(f"kept in the spool of {stored.mailbox} until its directory takes mail: {stored.spooled}")
    else:
        output.write(stored.path)
    return 0


def _rcpt(text: str) -> str:
    if not text or not text.isprintable():
        raise Refused("the recipient must be an address, e.g. ops@agent.example.com")
    return text


def _message() -> bytes:
    """The message on stdin. Raises: Refused when there is none or it is too large."""
    if sys.stdin is None:  # started with a closed descriptor
        raise Refused("no message: standard input is closed")
    if sys.stdin.isatty():
        diagnostics.say("Reading a message from the terminal; end it with Ctrl-D. Usual: aimx ingest <rcpt> < mail.eml")
    octets = sys.stdin.buffer.read(limits.MESSAGE_OCTETS + 1)
    if len(octets) > limits.MESSAGE_OCTETS:
        raise Refused(f"the message is larger than {limits.MESSAGE_OCTETS} bytes; nothing was stored")
    if not octets.strip():
        raise Refused("no message: standard input is empty. Usual: aimx ingest <rcpt> < mail.eml")
    return octets


def _ingest(rcpt: str, octets: bytes, data_dir: str | None) -> "Ingested":
    until = time.monotonic() + limits.INGEST_WAIT_S
    while True:
        try:
            return _once(rcpt, octets, data_dir)
        except DaemonRunning:  # held by another `aimx ingest`, or by a daemon that does not listen yet
            if time.monotonic() > until:
                raise
            time.sleep(limits.INGEST_RETRY_S)


def _once(rcpt: str, octets: bytes, data_dir: str | None) -> "Ingested":
    """Here, or by the daemon. Raises: DaemonRunning when somebody holds the writer lock whom nobody can ask."""
    from aimx.daemon import local

    try:
        return local.ingest(paths.config_file(), paths.data_dir_override(data_dir), rcpt, octets)
    except DaemonRunning as held:
        try:
            return _by_daemon(rcpt, octets)
        except DaemonAbsent:
            raise held from None
    except (ConfigUnreadable, Failed) as error:
        if os.geteuid() == 0:
            raise
        return _ask_as_user(rcpt, octets, error)


def _ask_as_user(rcpt: str, octets: bytes, error: ConfigUnreadable | Failed) -> "Ingested":
    """A user who may not open the tree: the daemon decides; without one the first error says why."""
    try:
        return _by_daemon(rcpt, octets)
    except DaemonUnavailable:
        raise error from None


def _by_daemon(rcpt: str, octets: bytes) -> "Ingested":
    import msgspec

    from aimx.flows.ingest import Ingested

    return msgspec.json.decode(body_of(call(paths.socket_file(), Ingest(rcpt, octets))), type=Ingested)
