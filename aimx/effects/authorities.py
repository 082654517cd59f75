"""Whom an HTTPS client believes about names: the host's own authorities, else those that came with the program."""

import os
import ssl
from collections.abc import Sequence

import certifi

# Where distributions keep all of them in one file; OpenSSL looks only where the one that built it does.
_STORES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


def context(stores: Sequence[str] = _STORES) -> ssl.SSLContext:
    """A context that verifies the peer's certificate and name, TLS 1.2 or later."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if not _found():
        made.load_verify_locations(next((store for store in stores if os.path.isfile(store)), certifi.where()))
    return made


def _found() -> bool:
    """Whether OpenSSL has found authorities by itself, or was told where they are (SSL_CERT_FILE, SSL_CERT_DIR)."""
    paths = ssl.get_default_verify_paths()
    try:
        return paths.cafile is not None or (paths.capath is not None and bool(os.listdir(paths.capath)))
    except OSError:
        return False
