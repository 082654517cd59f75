"""Which init system runs services here, and the commands that somebody types for ours. Runs none of them."""

from pathlib import Path
from typing import Literal, NamedTuple

Kind = Literal["systemd", "openrc", "none"]
Verb = Literal["start", "restart", "reload"]
_UNITS = ("etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system",
          "lib/systemd/system")  # fmt: skip


class Init(NamedTuple):
    """The init system, and whether it knows a service `aimx`."""

    kind: Kind
    service: bool

    def command(self, verb: Verb) -> str:
        """What starts, restarts or reloads the daemon; empty when no service does."""
        if not self.service:
            return ""
        return f"sudo systemctl {verb} aimx" if self.kind == "systemd" else f"sudo rc-service aimx {verb}"

    def environment(self) -> tuple[str, ...]:
        """What shows where the service gets its variables from, for somebody who is to remove one."""
        if not self.service:
            return ()
        return ("sudo systemctl edit --full aimx",) if self.kind == "systemd" else ("sudo vi /etc/conf.d/aimx",)


def detect(root: Path = Path("/")) -> Init:
    """As sd_booted(3) and OpenRC's own tools decide it."""
    if (root / "run/systemd/system").is_dir():
        return Init("systemd", any((root / place / "aimx.service").exists() for place in _UNITS))
    if (root / "run/openrc").is_dir():
        return Init("openrc", (root / "etc/init.d/aimx").exists())
    return Init("none", False)
