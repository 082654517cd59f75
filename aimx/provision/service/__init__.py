"""The service `aimx` under the init systems that we know: `of` chooses, `ready` waits for the daemon."""

from pathlib import Path

import trio

from aimx import limits
from aimx.errors import Failed
from aimx.provision import probe
from aimx.provision.initsystem import Init
from aimx.provision.service.api import Service
from aimx.provision.service.openrc import OpenRc
from aimx.provision.service.systemd import Systemd

Address = tuple[str, int]


def of(init: Init, root: Path = Path("/")) -> Service | None:
    """The service of a host whose files are below `root`; None: no init system that we know runs there."""
    if init.kind == "systemd":
        return Systemd(root)
    return OpenRc(root) if init.kind == "openrc" else None


async def ready(service: Service, socket: Path, smtp: Address, limit_s: float = limits.SERVICE_READY_S) -> None:
    """Wait until the daemon answers on its socket and greets at its port.

    Raises: Failed, with the end of its log, when it failed or does neither in time.
    """
    missing = "it did not start"
    with trio.move_on_after(limit_s):
        while True:
            life = await service.life()
            if life.failed:
                missing = f"it failed ({life.why})"
                break
            missing = await _missing(socket, smtp) if life.active else "it is not running"
            if not missing:
                return
            await trio.sleep(limits.SERVICE_LOOK_S)
    raise Failed("\n".join((f"aimx.service is not ready: {missing}.", *await _log(service))))


async def _missing(socket: Path, smtp: Address) -> str:
    """What is not there yet; empty when all is."""
    found = await trio.to_thread.run_sync(probe.daemon, socket)
    if found.state != "running":
        return f"it does not answer on {socket}"
    listener, _ = await trio.to_thread.run_sync(probe.smtp, smtp)
    return "" if listener.state == "ours" else f"it does not answer on port {smtp[1]}"


async def _log(service: Service) -> list[str]:
    lines = await service.last_words()
    return ["The end of its log (`sudo aimx logs` shows all):", *(f"  {line}" for line in lines)] if lines else []
