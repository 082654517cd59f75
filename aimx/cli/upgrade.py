"""`aimx upgrade`: another release in the place of this one, or everything as it was (guide, "Upgrading")."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from aimx import built, limits
from aimx.cli import diagnostics, output
from aimx.cli.style import Style
from aimx.errors import ConfigInvalid, Exit, Failed, Refused

if TYPE_CHECKING:
    from aimx.provision.setup.site import Site
    from aimx.provision.upgrade.plan import Plan, Wanted

_URL = "AIMX_RELEASE_MANIFEST_URL"
_USAGE = "aimx upgrade [OPTIONS]"


def arguments(parser: argparse.ArgumentParser) -> None:
    """The guide's flags.

    Hidden are those of install.sh, which has verified the program that it starts, and what one version asks another.
    """
    parser.add_argument("--dry-run", action="store_true", help="verify the release and show what would be done")
    parser.add_argument("--version", metavar="TAG", help="this release instead of the latest, also an older one")
    parser.add_argument("--force", action="store_true", help="install again what is installed")
    parser.add_argument("--json", action="store_true", help="print what was done, or would be, as JSON")
    parser.add_argument("--staged", metavar="FILE", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--program", metavar="PATH", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--service-file", choices=("systemd", "openrc"), help=argparse.SUPPRESS)
    parser.add_argument("--config-dir", metavar="DIR", type=Path, help=argparse.SUPPRESS)


def run(options: argparse.Namespace, site: "Site | None" = None) -> int:
    """Exit codes: 0 upgraded, or nothing to do; 1 failed or refused, all as it was; 130 interrupted, likewise."""
    if os.geteuid() != 0:
        raise Refused("aimx upgrade requires root")
    if options.service_file:
        return _write_service_file(options)
    from aimx.effects.running import running
    from aimx.provision.upgrade import refusal, semver
    from aimx.provision.upgrade.plan import Wanted

    version = semver.bare(options.version) if options.version is not None else None
    if version is not None and semver.version(version) is None:
        raise diagnostics.wrong_usage(f"invalid value '{options.version}' for '--version <TAG>': no version", _USAGE)
    refusal.check(running())
    return _play(options, site or _site(options), Wanted(version, options.force))


def _write_service_file(options: argparse.Namespace) -> int:
    """As setup of this version writes it."""
    if None in (options.program, options.config_dir, options.data_dir):
        raise diagnostics.wrong_usage("--service-file takes --program, --config-dir and --data-dir", _USAGE)
    from aimx.provision.upgrade import unit

    text = unit.text(options.service_file, str(options.program), options.config_dir, Path(options.data_dir))
    output.write_octets(text.encode())
    return Exit.OK


def _site(options: argparse.Namespace) -> "Site":
    from aimx.config import paths
    from aimx.provision.setup.site import Site

    return Site(paths.config_dir().absolute(), paths.data_dir_override(options.data_dir), paths.socket_file())


def _url(site: "Site") -> str:
    """Where the latest release is told of: environment, configuration, else as this program was built."""
    from aimx.config import load

    given = os.environ.get(_URL)
    if given:
        return given
    if not site.config_file.exists():
        return built.MANIFEST
    try:
        return load.load(site.config_file, None).release_manifest_url or built.MANIFEST
    except ConfigInvalid as error:  # an upgrade may be what repairs it
        diagnostics.say(f"Warning: {error.reason}; if it names a release_manifest_url, that is not asked")
        return built.MANIFEST


def _play(options: argparse.Namespace, site: "Site", wanted: "Wanted") -> int:
    import trio

    from aimx.provision.upgrade import interruption
    from aimx.provision.upgrade.story import Own, Screen, Upgrade

    site = site._replace(program=(os.path.realpath(options.program or site.program[0]),))
    meter = _Meter()
    own = Own(built.TAG, built.TARGET, built.KEYS)
    if options.staged is not None and options.dry_run:
        raise diagnostics.wrong_usage("--staged does not go with --dry-run", _USAGE)
    url = _url(site) if options.staged is None else ""
    upgrade = Upgrade(site, own, url, Screen(meter.tell, meter.take))

    async def work() -> "Plan":
        if options.dry_run:
            return await upgrade.look(wanted)
        return await (upgrade.install(options.staged) if options.staged is not None else upgrade.run(wanted))

    with interruption.Heeding() as heeding:
        try:
            done = trio.run(heeding.run, work)
        except BaseException as error:  # noqa: BLE001  a shell: what was taken back is told, whatever ended it
            meter.wipe()
            return _tell_failure(diagnostics.leaf(error))
        meter.wipe()
        try:
            _report(done, options)
        except (SystemExit, Failed):  # the exit code tells what was done, whether or not anybody reads the rest
            if options.dry_run:
                raise
        return Exit.OK


def _report(done: "Plan", options: argparse.Namespace) -> None:
    """Raises: SystemExit, Failed when standard output cannot take it."""
    if options.json:
        output.write_json(_json(done, options.dry_run))
    else:
        _tell(done, options.dry_run)


def _json(done: "Plan", dry_run: bool) -> bytes:
    import json

    told = {
        "kind": done.kind, "current": done.current, "target": done.target, "program": str(done.program),
        "steps": done.steps, "restarts": done.restarts, "notes": done.notes, "dry_run": dry_run,
    }  # fmt: skip
    return json.dumps(told).encode()


def _tell_failure(error: BaseException) -> int:
    """Reference 6.4. What failed before anything was changed is an error and no more. Raises: the error."""
    from aimx.provision.upgrade.switch import StepFailed

    if isinstance(error, KeyboardInterrupt):
        diagnostics.say("Interrupted: everything is as it was.")
        return Exit.INTERRUPTED
    style = Style()
    if isinstance(error, StepFailed) and error.changed:
        diagnostics.say(f"{style.mark('fail')} {error.step}: {error.cause}")
        if not error.trouble:
            diagnostics.say(f"{style.mark('arrow')} rolled back to {error.back_to}; check logs with 'aimx logs'")
    raise error


def _tell(done: "Plan", dry_run: bool) -> None:
    style = Style()
    mark = style.mark("ok")
    if done.kind == "none":
        output.write(f"{mark} aimx {done.current} is up to date.")
    elif dry_run:
        _show(done)
    else:
        if done.restarts:
            output.write(f"{mark} aimx serve restarted on {done.target}")
        restarted = " Service restarted." if done.restarts else ""
        was = done.current or "what was there"
        output.write(f"{mark} aimx {was} → {done.target}.{restarted}")
        for note in done.notes:
            diagnostics.say(f"{style.mark('warn')} {note}")


def _show(plan: "Plan") -> None:
    """The dry run."""
    rows = (
        ("current", plan.current),
        ("target", f"{plan.target}{' (older)' if plan.kind == 'downgrade' else ''}"),
        ("tarball", f"{plan.source} (fetched, checksum and signature verified)"),
        ("install path", f"{plan.program}, the present one kept as {plan.program.name}.prev"),
        ("actions (would run)", plan.actions),
        *(("note", note) for note in plan.notes),
    )
    output.write("aimx upgrade (dry-run)")
    for name, text in rows:
        output.write(f"  {name}: {text}")
    output.write("No changes were made.")


class _Meter:
    """What is being done, line by line; on a terminal how much of a download is there. Nothing it meets is raised."""

    def __init__(self) -> None:
        self._shows = sys.stderr is not None and sys.stderr.isatty()
        self._style = Style()
        self._shown = ""
        self._next = 0.0

    def tell(self, text: str) -> None:
        """A line."""
        self.wipe()
        diagnostics.say(f"{self._style.mark('arrow')} {text}")

    def take(self, done: int, whole: int | None) -> None:
        """So many octets."""
        if self._shows and time.monotonic() >= self._next:
            self._next = time.monotonic() + limits.METER_S
            of = f" of {whole / limits.MIB:.1f}" if whole else ""
            self._show(f"  {done / limits.MIB:.1f}{of} MiB")

    def wipe(self) -> None:
        """Leave the line empty."""
        if self._shown:
            self._show("")

    def _show(self, text: str) -> None:
        try:
            sys.stderr.write(f"\r{text.ljust(len(self._shown))}{'' if text else chr(13)}")
            sys.stderr.flush()
        except OSError:  # the terminal has gone away; SIGHUP tells what to do
            self._shows = False
        self._shown = text
