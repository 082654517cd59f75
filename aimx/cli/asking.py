"""Ask the daemon, or, as root with the daemon stopped, the same flows in this process."""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from aimx import client, limits, log
from aimx.cli import diagnostics
from aimx.config import places
from aimx.errors import DaemonAbsent, DaemonNeeded, DaemonRefused, DaemonRunning
from aimx.wire.frames import MailboxList, Request, Response

NEEDED = (
    "daemon must be running for non-root {}; start `aimx serve` or run with sudo to fall back to direct config edit."
)


class Asked:
    """An answer, and whether it came from the daemon (`live`) or from this process."""

    def __init__(self, response: Response, live: bool) -> None:
        self.response = response
        self.live = live

    def value(self) -> Any:
        """The JSON of the answer."""
        return json.loads(self.response.body)


def ask(options: argparse.Namespace, request: Request, what: str, timeout_s: float = limits.CLIENT_ADMIN_S) -> Asked:
    """One request and its answer. `what` names the work for the refusal of a user without a daemon.

    Raises: DaemonRefused for an error frame; DaemonNeeded (exit code 2); DaemonUnavailable; what the flows raise.
    """
    live = True
    try:
        response = client.call(places.socket_name(), request, timeout_s)
    except DaemonAbsent:
        if os.geteuid() != 0:
            raise DaemonNeeded(NEEDED.format(what)) from None
        live = False
        response = _here(options, request)
    if response.kind == "error":
        raise DaemonRefused(response.reason, code=response.code)
    return Asked(response, live)


def restart(asked: Asked) -> None:
    """What was done without the daemon is not known to one that runs with another configuration (guide)."""
    if not asked.live:
        from aimx.provision import initsystem

        openrc = initsystem.detect().kind == "openrc"
        command = "sudo rc-service aimx restart" if openrc else "sudo systemctl restart aimx"
        diagnostics.say(f"Hint: Restart the daemon for the change to take effect:\n  {command}")


def stream(request: Request) -> Iterator[Any]:
    """The objects of a stream of the daemon. Raises: as `client.stream`."""
    for line in client.stream(places.socket_name(), request):
        yield json.loads(line)


def follow(options: argparse.Namespace, request: Request, what: str, take: Callable[[bytes], None]) -> None:
    """`ask` for an answer that is a stream: its lines are taken as they come, from the daemon or from this process.

    Raises: as `ask`.
    """
    try:
        for line in client.stream(places.socket_name(), request):
            take(line)
        return
    except DaemonAbsent:
        if os.geteuid() != 0:
            raise DaemonNeeded(NEEDED.format(what)) from None
    response = _here(options, request, take)
    if response.kind == "error":
        raise DaemonRefused(response.reason, code=response.code)


def similar_mailbox(options: argparse.Namespace, name: str) -> None:
    """A tip: a mailbox of the caller's own that is nearly called what he typed."""
    from aimx.config import suggest

    try:
        rows = ask(options, MailboxList(), "mailbox CRUD").value()
    except DaemonRefused:
        return
    near = suggest.nearest(name, [row["name"] for row in rows if row["name"] != name])
    if near is not None:
        diagnostics.say(f"\n  tip: a similar mailbox exists: '{near}'")


def _here(options: argparse.Namespace, request: Request, take: Callable[[bytes], None] | None = None) -> Response:
    from aimx.config import paths
    from aimx.daemon import local

    log.quiet()
    try:
        where = paths.config_file(), paths.data_dir_override(options.data_dir)
        return local.ask(*where, request) if take is None else local.stream(*where, request, take)
    except DaemonRunning as error:
        raise DaemonRunning(
            f"{error.reason}, but no daemon answers on {places.socket_name()}: it may be starting or stopping, or use"
            " another AIMX_RUNTIME_DIR; try again, or restart it"
        ) from error
