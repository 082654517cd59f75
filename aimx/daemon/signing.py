"""The DKIM key of the daemon: read and parsed at start and on reload, kept when its file no longer loads (P3).

The only code that reads a private DKIM key. It never leaves this process.
"""

from collections.abc import Callable
from pathlib import Path

from aimx import log
from aimx.errors import SignFailed
from aimx.mailauth import sign
from aimx.mailauth.sign import SigningKey
from aimx.model.config import Config


class Signing:
    """Implements effects.api.Signer for the configured domain and selector."""

    def __init__(self, config_dir: Path, config: Callable[[], Config]) -> None:
        self._directory = config_dir / "dkim"
        self._config = config
        self._key: SigningKey | None = None
        self._selector = ""
        self.load()

    def load(self) -> None:
        """Read the key of the configured selector; what cannot be read leaves the pair that was in use."""
        selector = self._config().dkim_selector
        path = self._path(selector)
        try:
            key = SigningKey(path.read_bytes())
        except (OSError, SignFailed) as error:
            why = error.reason if isinstance(error, SignFailed) else error.strerror
            log.warning("no-dkim-key", path=str(path), why=why, note="run aimx dkim-keygen; nothing can be sent")
            return
        self._key, self._selector = key, selector

    def _path(self, selector: str) -> Path:
        own = self._directory / selector / "private.key"
        return own if own.exists() else self._directory / "private.key"

    def sign(self, head: bytes, body_hash: bytes, now: float) -> bytes:
        """The DKIM-Signature field, with its CRLF, for a header block. Raises: SignFailed."""
        if self._key is None:
            raise SignFailed("there is no DKIM key: the operator runs `aimx dkim-keygen`")
        return sign.field(self._key, self._config().domain, self._selector, head, body_hash, now)
