"""The configuration in force: one immutable snapshot, swapped whole."""

from pathlib import Path

import msgspec

from aimx.config import load
from aimx.errors import ConfigInvalid
from aimx.model.config import Config


class LiveConfig:
    """Holds the last good snapshot. Readers take `current` once per request."""

    def __init__(self, path: Path, data_dir: Path | None) -> None:
        """Load. Raises: ConfigInvalid."""
        self.path = path
        self.data_dir = data_dir  # the override of flag or environment
        self.current: Config = load.load(path, data_dir)

    def reload(self) -> Config:
        """Read the file again, keeping a `--data-dir` override; the old snapshot stays when it is not valid.

        Raises: ConfigInvalid.
        """
        return self.take(self.read())

    def read(self) -> Config:
        """What the file says now. Raises: ConfigInvalid."""
        return load.load(self.path, self.data_dir)

    def take(self, config: Config) -> Config:
        """Make it the snapshot in force."""
        self.current = self._pinned(config)
        return self.current

    def adopt(self, octets: bytes) -> Config:
        """Take what `edit.transact` has just written as the snapshot."""
        return self.take(load.parse(octets, str(self.path), self.data_dir))

    def differs_on_disk(self) -> bool:
        """Whether the file is no longer what was loaded (or is gone). It is never adopted by itself (U7)."""
        try:
            return load.digest(load.read(self.path)) != self.current.source
        except ConfigInvalid:
            return True

    def _pinned(self, config: Config) -> Config:
        """The mail of a running daemon stays in one tree: a new `data_dir` waits for a restart."""
        running = self.current.data_dir
        if config.data_dir == running:
            return config
        warning = f"data_dir: {config.data_dir} takes effect at the next start; until then mail stays in {running}"
        return msgspec.structs.replace(config, data_dir=running, warnings=(*config.warnings, warning))
