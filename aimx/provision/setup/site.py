"""Which installation, on which machine: every place that setup looks at or writes to. Touches none of them."""

from pathlib import Path
from typing import NamedTuple

from aimx.effects import running


class Site(NamedTuple):
    """Places and ports.

    `data_dir`: of flag or environment, None where config.toml decides. `root`: below it is everything of the machine
    itself. `smtp`: where the daemon listens, once it runs. `program`: what the service starts.
    """

    config_dir: Path
    data_dir: Path | None
    socket: Path
    root: Path = Path("/")
    verify_host: str | None = None
    smtp: tuple[str, int] = ("127.0.0.1", 25)
    verifier_port: int = 25
    program: tuple[str, ...] = running.running().argv

    @property
    def config_file(self) -> Path:
        """config.toml."""
        return self.config_dir / "config.toml"

    @property
    def tls_dir(self) -> Path:
        """Where certificate and key for STARTTLS are."""
        return self.root / "etc/ssl/aimx"

    @property
    def log_dir(self) -> Path:
        """Where hooks may leave logs of their own (guide)."""
        return self.root / "var/log/aimx"

    @property
    def lock_file(self) -> Path:
        """Held while setup changes things."""
        return self.root / "run/aimx-setup.lock"
