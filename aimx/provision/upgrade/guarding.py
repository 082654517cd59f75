"""The process beside an upgrade: waits for its end, and if that was none, ends what it began.

Light until it is needed. Its exit code tells systemd whether to try once more; what it says goes to the journal.
"""

import fcntl
import json
import sys
from pathlib import Path


def main(order: str) -> int:
    """0: nothing was to do, or all of it is done."""
    with open(Path(json.loads(order)["root"], "run/aimx-upgrade.guard"), "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # until the upgrade has ended, however
        if not file.read(1):
            return 0
    return _end(order)


def _end(text: str) -> int:
    import msgspec
    import trio

    from aimx.errors import AimxError
    from aimx.provision.setup.site import Site
    from aimx.provision.upgrade import guard
    from aimx.provision.upgrade.story import Own, Screen, Upgrade
    from aimx.provision.upgrade.switch import StepFailed

    def tell(said: str) -> None:
        print(said, file=sys.stderr, flush=True)

    order = msgspec.json.decode(text, type=guard.Order)
    site = Site(Path(order.config_dir), None, Path(order.socket), Path(order.root), program=(order.program,))
    upgrade = Upgrade(site, Own("", "", ()), "", Screen(tell, lambda *_: None), order.ready_s)
    try:
        trio.run(upgrade.settle)
    except StepFailed as error:
        tell(error.reason)
        return 1 if error.trouble else 0
    except AimxError as error:
        tell(error.reason)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
