"""The service file across versions: what two program files would each write for one installation.

It is exchanged only where it says to the letter what the old program wrote: what the operator changed is his.
"""

from pathlib import Path
from typing import Literal

from aimx import limits
from aimx.config import load
from aimx.effects import commands
from aimx.provision import initsystem
from aimx.provision import service as services
from aimx.provision.initsystem import Init
from aimx.provision.service.api import Service
from aimx.provision.setup import survey
from aimx.provision.setup.site import Site


def text(init: Literal["systemd", "openrc"], program: str, config_dir: Path, data_dir: Path) -> str:
    """What this version writes. Raises: Failed for a path that no service file can hold."""
    service = services.of(Init(init, True))
    assert service is not None
    return service.text((program,), config_dir, data_dir)


async def renewal(site: Site, service: Service, old: Path, new: Path) -> tuple[str, str] | None:
    """The service file before and after; None: it stays as it is."""
    if not service.path.is_file():
        return None
    before, after = await _written(site, old), await _written(site, new)
    if not before or not after or before == after or not service.installed(before):
        return None
    return before, after


async def _written(site: Site, program: Path) -> str:
    """Empty for a program that does not know the question."""
    config = survey.config(site)
    data_dir = site.data_dir or Path(config.data_dir if config is not None else load.DATA_DIR)
    words = (
        "upgrade", "--service-file", initsystem.detect(site.root).kind, "--program", site.program[0],
        "--config-dir", str(site.config_dir), "--data-dir", str(data_dir),
    )  # fmt: skip
    ran = await commands.run((str(program), *words), limits.PROGRAM_S)
    return ran.out if ran.ok else ""
