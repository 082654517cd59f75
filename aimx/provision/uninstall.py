"""What `aimx uninstall` takes away and what it leaves: the service goes; configuration, keys and mail stay.

Never removes a file that setup did not write, nor the program: that belongs to whoever installed it.
"""

import os
import pwd
from pathlib import Path
from typing import NamedTuple

from aimx.config import load
from aimx.effects import running
from aimx.errors import ConfigInvalid
from aimx.provision import initsystem, origin, probe, service
from aimx.provision.gather import CATCHALL_USER, WORKER_USER
from aimx.provision.origin import Origin
from aimx.provision.service.api import Service
from aimx.provision.setup.site import Site


class Kept(NamedTuple):
    """Something that stays, and what it is."""

    where: str
    what: str


class Removal(NamedTuple):
    """One uninstallation, before it is carried out. `service`: None where there is none to remove."""

    service: Service | None
    override: str  # drop-ins of the operator's; empty: none
    origin: Origin
    kept: tuple[Kept, ...]
    purge: tuple[str, ...]  # what a full purge would remove


async def look(site: Site) -> Removal:
    """What there is. Changes nothing. Raises: Failed."""
    found = service.of(initsystem.detect(site.root), site.root)
    there = found is not None and (_lies(found.path) or await found.active())
    return _removal(site, found, there)


def _removal(site: Site, found: Service | None, there: bool) -> Removal:
    override = found.path.with_name(f"{found.path.name}.d") if found is not None else None
    places = (
        Kept(str(site.config_dir), "configuration and DKIM keys"),
        Kept(str(_data_dir(site)), "mail"),
        Kept(str(site.tls_dir), "certificate and key for STARTTLS"),
        Kept(str(site.log_dir), "logs of hooks"),
    )
    users = [Kept(name, "system user") for name in (WORKER_USER, CATCHALL_USER) if _exists(name)]
    return Removal(
        service=found if there else None,
        override=str(override) if override is not None and override.is_dir() else "",
        origin=origin.origin(running.running(), site.root),
        kept=(*(place for place in places if _lies(Path(place.where))), *users),
        purge=tuple(place.where for place in places[:2]),
    )


def _lies(path: Path) -> bool:
    return os.path.lexists(path)


async def carry_out(removal: Removal) -> None:
    """Stop the service and take it away. Raises: Failed; called again it goes on where it was."""
    if removal.service is not None:
        await removal.service.remove()


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
