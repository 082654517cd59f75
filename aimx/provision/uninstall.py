"""What `aimx uninstall` takes away and what it leaves: service and program go; configuration, keys and mail stay.

Removes the program only if that is one file of a release; else it belongs to whoever installed it. Never removes any
other file that setup did not write.
"""

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from aimx.config import load
from aimx.effects import lock, running, systemfiles
from aimx.errors import ConfigInvalid
from aimx.provision import initsystem, origin, probe, service
from aimx.provision.gather import CATCHALL_USER, WORKER_USER
from aimx.provision.origin import Origin
from aimx.provision.service.api import Service
from aimx.provision.setup.site import Site
from aimx.provision.upgrade import trees
from aimx.provision.upgrade.place import Place


class Kept(NamedTuple):
    """Something that stays, and what it is."""

    where: str
    what: str


class Removal(NamedTuple):
    """One uninstallation, before it is carried out. `service`: None where there is none to remove."""

    service: Service | None
    other: str  # the program file that the service runs instead of this one, and so stays; empty: none
    override: str  # drop-ins of the operator's; empty: none
    origin: Origin
    programs: tuple[Path, ...]  # files that go; none: its own installer removes it
    trees: Path | None  # what they unpacked; None: nothing is there
    kept: tuple[Kept, ...]
    purge: tuple[str, ...]  # what a full purge would remove


async def look(site: Site) -> Removal:
    """What there is. Changes nothing. Raises: Failed."""
    found = service.of(initsystem.detect(site.root), site.root)
    there = found is not None and (_lies(found.path) or await found.active())
    other = _other(found.runs()) if found is not None and there else ""
    return _removal(site, None if other else found, there, other)


def _other(program: str) -> str:
    """The program of the service, if that is there and another one. A service without its program is anybody's."""
    mine = os.path.realpath(running.running().argv[0]).removesuffix(".prev")
    there = bool(program) and Path(program).exists()
    return program if there and os.path.realpath(program).removesuffix(".prev") != mine else ""


def _removal(site: Site, found: Service | None, there: bool, other: str) -> Removal:
    override = found.path.with_name(f"{found.path.name}.d") if found is not None else None
    places = (
        Kept(str(site.config_dir), "configuration and DKIM keys"),
        Kept(str(_data_dir(site)), "mail"),
        Kept(str(site.tls_dir), "certificate and key for STARTTLS"),
        Kept(str(site.log_dir), "logs of hooks"),
    )
    found_origin = origin.origin(running.running(), site.root)
    programs = _programs(Path(found_origin.prefix)) if found_origin.kind == "bundle" else ()
    users = [Kept(name, "system user") for name in (WORKER_USER, CATCHALL_USER) if _exists(name)]
    return Removal(
        service=found if there else None,
        other=other,
        override=str(override) if override is not None and override.is_dir() else "",
        origin=found_origin,
        programs=programs,
        trees=trees.base(site) if programs and trees.base(site).is_dir() else None,
        kept=(*(place for place in places if _lies(Path(place.where))), *users),
        purge=tuple(place.where for place in places[:2]),
    )


def _programs(program: Path) -> tuple[Path, ...]:
    """The program goes last: until then the command can be given again."""
    program = program.with_name(program.name.removesuffix(".prev"))
    return tuple(path for path in (program.with_name(f"{program.name}.prev"), program) if _lies(path))


def _lies(path: Path) -> bool:
    return os.path.lexists(path)


async def carry_out(removal: Removal) -> None:
    """Stop the service and take it away. Raises: Failed; called again it goes on where it was."""
    if removal.service is not None:
        await removal.service.remove()


@contextlib.contextmanager
def alone(site: Site) -> Iterator[None]:
    """No upgrade meanwhile. Raises: Failed when one is at work."""
    with lock.sole(site.root / "run/aimx-upgrade.lock", "`aimx upgrade`"):
        yield


def remove_programs(removal: Removal) -> tuple[str, ...]:
    """What this process runs from goes too, so that nothing can come after. What could not go, in words.

    Raises: Failed when a program file cannot be removed.
    """
    staying = _programs(Path(removal.other)) if removal.other else ()
    needed = {trees.tree(program) for program in staying}
    unpacked = {trees.tree(program) for program in removal.programs} - needed
    for program in removal.programs:
        if not program.name.endswith(".prev"):
            place = Place(program)
            place.clear()
            place.close()
        systemfiles.remove(program)
    return trees.remove(removal.trees, unpacked, needed) if removal.trees is not None else ()


def still_running(site: Site) -> int | None:
    """The process that serves on the socket, though no service started it; None: nobody does."""
    found = probe.daemon(site.socket)
    return found.pid if found.state == "running" else None


def _data_dir(site: Site) -> Path:
    """Of flag or environment, else as the configuration says, else the guide's."""
    if site.data_dir is not None:
        return site.data_dir
    try:
        return Path(load.load(site.config_file, None).data_dir)
    except ConfigInvalid:
        return Path(load.DATA_DIR)


def _exists(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True
