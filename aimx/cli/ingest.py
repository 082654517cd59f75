"""`aimx ingest <rcpt>`: a raw message from stdin into the mailbox that takes `rcpt`."""

import argparse
import sys

from aimx import limits
from aimx.cli import output
from aimx.client import call
from aimx.config import paths
from aimx.errors import AimxError, DaemonRunning, Refused
from aimx.wire.frames import Ingest


def arguments(parser: argparse.ArgumentParser) -> None:
    """One positional."""
    parser.add_argument("rcpt", help="recipient address")


def run(options: argparse.Namespace) -> int:
    """Ingest through the daemon when one holds the writer lock, in this process otherwise."""
    octets = sys.stdin.buffer.read(limits.MESSAGE_OCTETS + 1)
    if len(octets) > limits.MESSAGE_OCTETS:
        raise Refused(f"the message exceeds {limits.MESSAGE_OCTETS} bytes")
    from aimx.daemon import local

    try:
        stored = local.ingest(
            paths.config_file(), paths.data_dir_override(getattr(options, "data_dir", None)), options.rcpt, octets
        )
    except DaemonRunning:
        return _by_daemon(options.rcpt, octets)
    output.write(stored)
    return 0


def _by_daemon(rcpt: str, octets: bytes) -> int:
    answer = call(paths.socket_file(), Ingest(rcpt, octets))
    if answer.kind == "error":
        raise AimxError(f"[{answer.code}] {answer.reason}")
    output.write(answer.body.decode())
    return 0
