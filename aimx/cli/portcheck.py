"""`aimx portcheck`: does port 25 work in both directions (guide, "How portcheck works")? Changes nothing.

Exit code 1 when it does not, when somebody else has it, and when it could not be found out.
"""

import argparse
import json
import os
from typing import TYPE_CHECKING

from aimx.cli import diagnostics, output
from aimx.cli.style import Mark, Style
from aimx.errors import AimxError, ConfigInvalid, ConfigUnreadable, Exit, Refused

if TYPE_CHECKING:
    from aimx.provision.port25 import Checked
    from aimx.provision.setup.api import Note

_TITLE = "aimx portcheck - Port 25 connectivity check"
_MARKS: dict[str, Mark] = {"ok": "ok", "fail": "fail", "warn": "warn", "hint": "arrow", "text": "info"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """The guide's flag, and --json."""
    parser.add_argument("--verify-host", metavar="URL", type=_url, help="verifier to ask (default: verify_host)")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def run(options: argparse.Namespace) -> int:
    """Try both directions, and say what came out."""
    if os.geteuid() != 0:
        raise Refused("portcheck requires root: run `sudo aimx portcheck`")
    import trio

    from aimx.config import paths
    from aimx.provision import port25
    from aimx.provision.port25 import OwnPort

    verify_host = options.verify_host or _configured()
    style = Style()
    if not options.json:
        output.write(f"{style.paint('head', _TITLE)}\n")
        output.write(
            f"  {style.mark('info')} Asking {verify_host}; that takes seconds, or a minute where all is silent."
        )

    def tell(note: "Note") -> None:
        if not options.json:
            output.write(f"  {style.mark(_MARKS[note.kind])} {note.text}")

    found = trio.run(port25.check, verify_host, OwnPort(paths.socket_file()), tell)
    if options.json:
        output.write(json.dumps(_report(found, verify_host), ensure_ascii=False))
    else:
        _conclude(found)
    return Exit.OK if found.fine else Exit.FAILED


def _url(text: str) -> str:
    """Raises: ArgumentTypeError."""
    from aimx.provision import verifyhost

    try:
        return str(verifyhost.parse(text, "the verifier"))
    except AimxError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _configured() -> str:
    """Of config.toml. Before setup there is none; a broken one does not keep anybody from trying the port."""
    from aimx.config import load, paths
    from aimx.model.config import VERIFY_HOST

    file = paths.config_file()
    try:
        return load.load(file, None).verify_host
    except (ConfigInvalid, ConfigUnreadable) as error:
        if file.exists():
            diagnostics.say(f"Warning: {VERIFY_HOST} is asked, since config.toml cannot be read: {error.reason}")
        return VERIFY_HOST


def _conclude(found: "Checked") -> None:
    output.write()
    if found.result.holder is not None:
        text = (
            f"Port 25 is occupied by {found.result.holder}. Stop or uninstall it, then run `sudo aimx portcheck` again."
        )
        diagnostics.error(text)
    elif not found.fine:
        diagnostics.error("Some checks failed. See details above.")
    elif found.occupant.state == "ours":
        output.good("Port 25 reachable. Mail comes in to aimx serve and leaves from here.")
    else:
        output.good("Port 25 reachable. Ready for `aimx setup`.")
        output.write("Run `sudo aimx setup` to begin.")


def _report(found: "Checked", verify_host: str) -> dict[str, object]:
    result = found.result
    return {
        "ok": found.fine,
        "port": 25,
        "verify_host": verify_host,
        "listener": {"free": "temporary", "ours": "aimx serve", "foreign": "other"}[found.occupant.state],
        "holder": result.holder,
        "outbound": {"ok": result.outbound.ok, "unknown": result.outbound.unknown, "why": result.outbound.why or None},
        "inbound": {"ok": result.inbound.ok, "unknown": result.inbound.unknown, "why": result.inbound.why or None},
        "ipv4": result.ipv4,
        "ipv6": result.ipv6,
    }
