"""The DKIM key of the daemon: read and parsed at start and on reload, kept when its file no longer loads (P3).

The only code that reads a private DKIM key. It never leaves this process.
"""

from collections.abc import Callable
from pathlib import Path

from aimx import log
from aimx.effects import keyfiles
from aimx.errors import SignFailed
from aimx.mailauth import sign
from aimx.mailauth.sign import SigningKey
from aimx.model.config import Config


class Signing:
    """Implements effects.api.Signer for the configured domain and selector."""

    def __init__(self, config_dir: Path, config: Callable[[], Config]) -> None:
        self._config_dir = config_dir
        self._config = config
        self._key: SigningKey | None = None
        self._selector = ""
        self.wanted = ""  # the selector whose key was read last, or could not be
        self.load()

    def follow(self) -> None:
        """Another configuration is in force: read the key if it names another one."""
        if self._config().dkim_selector != self.wanted:
            self.load()

    def load(self) -> None:
        """Read the key of the configured selector; what cannot be read leaves the pair that was in use."""
        selector = self.wanted = self._config().dkim_selector
        directory = keyfiles.place(self._config_dir, selector)
        path = str(directory / keyfiles.PRIVATE)
        try:
            found = keyfiles.read(directory)
            key = SigningKey(found.pem)
        except (OSError, SignFailed) as error:
            why = error.reason if isinstance(error, SignFailed) else error.strerror
            self._announce_loss(path, selector, why)
            return
        self._key, self._selector = key, selector
        log.info("dkim-key", selector=selector, path=path, record=f"{selector}._domainkey.{self._config().domain}")
        if found.exposed or found.foreign:
            note = "whoever reads it can sign as this domain; chmod 0600, chown root"
            log.warning("dkim-key-exposed", path=path, note=note)
        public = keyfiles.public(directory)
        if public is not None and public.split() != key.public_pem.split():
            log.warning("dkim-public-key-differs", path=str(directory / keyfiles.PUBLIC), note="run aimx dkim-keygen")

    @property
    def selector(self) -> str:
        """Of the key that signs; without one, of the key that should."""
        return self._selector or self._config().dkim_selector

    @property
    def record(self) -> str | None:
        """What the zone publishes for the key that signs; None: there is none."""
        return self._key.record if self._key is not None else None

    def _announce_loss(self, path: str, selector: str, why: str | None) -> None:
        if self._key is None:
            log.warning("no-dkim-key", path=path, why=why, note="run aimx dkim-keygen; nothing can be sent")
        else:
            log.error("dkim-key-reload-failed", path=path, why=why, wanted=selector, kept=self._selector)

    def sign(self, head: bytes, body_hash: bytes, now: float) -> bytes:
        """The DKIM-Signature field, with its CRLF, for a header block. Raises: SignFailed."""
        if self._key is None:
            raise SignFailed("there is no DKIM key: the operator runs `aimx dkim-keygen`")
        return sign.field(self._key, self._config().domain, self._selector, head, body_hash, now)
