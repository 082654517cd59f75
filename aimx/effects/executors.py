"""Which executor runs hooks on this host."""

import os
from pathlib import Path

from aimx import log
from aimx.effects.api import Executor, Spawner
from aimx.effects.forked import Forked
from aimx.effects.keeping import Keeper
from aimx.effects.tools import Tools
from aimx.effects.unitfile import Programs
from aimx.effects.units import Units

FORCE_FALLBACK = "AIMX_SANDBOX_FORCE_FALLBACK"
BOOTED = Path("/run/systemd/system")  # sd_booted(3)
_PLACES = ("/usr/bin", "/bin")  # root's own; nobody's PATH decides what runs as root


def choose(spawner: Spawner, runtime: Path) -> Executor:
    """The executor of this daemon, announced in the log."""
    obstacle = _obstacle()
    programs, keeper = _programs(), Keeper.of_this_process()
    executor: Executor
    if obstacle or programs is None:
        executor = Forked(spawner)
        for unit in keeper.left():
            keeper.close(unit)  # nobody would read what they write; they are told so
    else:
        executor = Units(Tools(spawner), programs, runtime / "hooks", keeper)
    log.info("hook-executor", sandbox=executor.name, why=obstacle or "systemd runs here")
    return executor


def _obstacle() -> str:
    """Why hooks are not units of systemd; empty when they are."""
    if os.environ.get(FORCE_FALLBACK):
        return f"{FORCE_FALLBACK} is set"
    if not BOOTED.is_dir():
        return "systemd does not run here"
    if os.geteuid() != 0:
        return "not root"
    return "" if _programs() else f"systemd-run or systemctl is not in {' or '.join(_PLACES)}"


def _programs() -> Programs | None:
    found = [_find(name) for name in Programs._fields]
    return Programs(*found) if all(found) else None


def _find(name: str) -> str:
    paths = (f"{place}/{name.replace('_', '-')}" for place in _PLACES)
    return next((path for path in paths if os.access(path, os.X_OK)), "")
