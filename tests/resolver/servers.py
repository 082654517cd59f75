"""Name servers at several loopback addresses and one port: a port is all that AIMX_TEST_DNS tells of the others."""

from contextlib import ExitStack

from aimx.demo.zone import Zone, ZoneServer

_ATTEMPTS = 50


def several(zones: dict[str, Zone]) -> list[ZoneServer]:
    """One running server per address, in order. A port that is free at one address may be taken at another."""
    for _ in range(_ATTEMPTS):
        with ExitStack() as stack:
            running: list[ZoneServer] = []
            try:
                for address, zone in zones.items():
                    port = int(running[0].address.rpartition(":")[2]) if running else 0
                    running.append(ZoneServer(zone, address, port))
                    stack.callback(running[-1].close)
            except OSError:
                continue
            stack.pop_all()
            return running
    raise OSError("no port is free at all addresses")
