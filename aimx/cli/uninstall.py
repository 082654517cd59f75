"""`aimx uninstall`: service and program go, what is yours stays (guide, "Uninstalling")."""

import argparse
import os
import shlex
from typing import TYPE_CHECKING

from aimx.cli import diagnostics, output, prompt
from aimx.cli.style import Style
from aimx.errors import Exit, Failed, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from aimx.provision.setup.site import Site
    from aimx.provision.uninstall import Removal

_CANCELLED = "Uninstall cancelled."


def arguments(parser: argparse.ArgumentParser) -> None:
    """The guide's flag."""
    parser.add_argument("-y", "--yes", action="store_true", help="skip the confirmation prompt")


def run(options: argparse.Namespace, root: "Path | None" = None) -> int:
    """Say what goes and what stays, ask, do it. `root` is where this machine's files are."""
    if os.geteuid() != 0:
        raise Refused("uninstall requires root: run `sudo aimx uninstall`")
    import trio

    from aimx.config import paths
    from aimx.provision import uninstall
    from aimx.provision.setup.site import Site

    site = Site(paths.config_dir().absolute(), paths.data_dir_override(options.data_dir), paths.socket_file())
    if root is not None:
        site = site._replace(root=root)
    removal = trio.run(uninstall.look, site)
    _show(removal)
    if removal.other and not removal.programs:
        raise Refused(
            f"the service runs {removal.other}, another program: `sudo {shlex.quote(removal.other)} uninstall`"
        )
    if removal.service is not None or removal.programs:
        if not prompt.confirm("Proceed with uninstall?", options.yes):
            raise Failed(_CANCELLED)
        with uninstall.alone(site):
            trio.run(uninstall.carry_out, removal)
            _remove(removal, _stray(removal, site))
    else:
        _remove(removal, _stray(removal, site))
    _conclude(removal)
    return Exit.OK


def _stray(removal: "Removal", site: "Site") -> int | None:
    """A daemon that should have gone with the service; where that stays, so does its daemon."""
    from aimx.provision import uninstall

    return uninstall.still_running(site) if not removal.other else None


def _remove(removal: "Removal", pid: int | None) -> None:
    """The service has gone; `pid` serves all the same."""
    from aimx.provision import uninstall

    if removal.service is not None:
        output.write(f"\nRemoved {removal.service.path}.")
    if pid is not None:
        diagnostics.say(f"Warning: a daemon that no service started still runs: process {pid}.")
    if removal.programs:
        trouble = uninstall.remove_programs(removal)
        output.write("\n".join(f"Removed {path}." for path in removal.programs))
        for text in trouble:
            diagnostics.say(f"Warning: {text}")


def _show(removal: "Removal") -> None:
    style = Style()
    output.write(style.paint("head", "Goes:"))
    if removal.service is not None:
        output.write(
            f"  {removal.service.path}  the service: stopped, and no longer started at boot; running hooks end"
        )
    elif not removal.programs:
        why = "the service runs another program" if removal.other else "no service of aimx is installed here"
        output.write(f"  nothing: {why}")
    for path in removal.programs:
        output.write(f"  {path}  the program{' of before the last upgrade' if path.name.endswith('.prev') else ''}")
    if removal.trees is not None:
        output.write(f"  {removal.trees}  what it unpacked")
    output.write(style.paint("head", "Stays:"))
    if removal.other:
        output.write(f"  {removal.other}  another program, and the service, which runs that")
    for kept in removal.kept:
        output.write(f"  {kept.where}  {kept.what}")
    if removal.override:
        output.write(f"  {removal.override}  your changes of the service")
    if not removal.programs:
        output.write(f"  {removal.origin.prefix}  the program; its own installer removes it, see below")
    output.write("  skills and registrations that agents have in the homes of their users")


def _conclude(removal: "Removal") -> None:
    purge = shlex.join(removal.purge)
    done = removal.service is not None or removal.programs
    output.write("Uninstall complete." if done else "Nothing was left to uninstall.")
    if not removal.programs:
        output.write(f"To remove the program:  {removal.origin.remove}")
    output.write(f"To remove configuration, keys and all mail, for good:  sudo rm -rf {purge}")
