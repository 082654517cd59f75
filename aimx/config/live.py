"""The configuration in force: one immutable snapshot, swapped whole."""

from pathlib import Path

from aimx.config import load
from aimx.model.config import Config


class LiveConfig:
    """Holds the last good snapshot. Readers take `current` once per request."""

    def __init__(self, path: Path, data_dir: Path | None) -> None:
        """Load. Raises: ConfigInvalid."""
        self.path = path
        self._data_dir = data_dir
        self.current: Config = load.load(path, data_dir)

    def reload(self) -> Config:
        """Read the file again, keeping a `--data-dir` override; the old snapshot stays when it is not valid.

        Raises: ConfigInvalid.
        """
        self.current = load.load(self.path, self._data_dir)
        return self.current

    def adopt(self, octets: bytes) -> Config:
        """Take what `edit.transact` has just written as the snapshot."""
        self.current = load.parse(octets, str(self.path), self._data_dir)
        return self.current
