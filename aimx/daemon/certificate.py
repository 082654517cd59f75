"""The certificate for STARTTLS: loaded at start and on reload, kept when its files no longer load."""

import ssl
from pathlib import Path

from aimx import log
from aimx.config import paths
from aimx.errors import Failed


class Certificate:
    """`context` is None while there is no certificate: STARTTLS is then not offered."""

    def __init__(self, cert: Path | None, key: Path | None) -> None:
        """Files of the command line, or those that setup makes. Raises: Failed naming the file at fault."""
        self._chosen = (cert, key) if cert is not None and key is not None else None
        self.context: ssl.SSLContext | None = None
        self.load()

    def load(self) -> None:
        """Read both files again. Raises: Failed; `context` is then what it was."""
        cert, key = self._chosen or paths.tls_files()
        if self._chosen is None and not _exists(cert):
            if self.context is None:
                log.warning("no-certificate", path=str(cert), note="no STARTTLS; --tls-cert and --tls-key name one")
            return
        self.context = server_context(cert, key)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise Failed(f"TLS file {path} cannot be read: {error.strerror}") from error


def server_context(cert: Path, key: Path) -> ssl.SSLContext:
    """TLS 1.2 or later with this certificate. Raises: Failed naming the file at fault."""
    for path in (cert, key):
        try:
            path.read_bytes()
        except OSError as error:
            raise Failed(f"TLS file {path} cannot be read: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, _Encrypted) as error:
        raise Failed(_why(cert, key, error)) from error
    return context


class _Encrypted(Exception):
    """The key asks for a passphrase; OpenSSL would ask the terminal for it."""


def _no_password() -> str:
    raise _Encrypted


def _why(cert: Path, key: Path, error: Exception) -> str:
    if isinstance(error, _Encrypted):
        return f"TLS key {key} is protected by a passphrase; aimx needs one without"
    if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
        return f"TLS key {key} does not belong to the certificate {cert}"
    try:
        ssl.create_default_context(cadata=cert.read_text("ascii"))
    except (OSError, ValueError, ssl.SSLError):
        return f"TLS certificate {cert} is not a PEM certificate"
    return f"TLS key {key} is not a PEM private key"
