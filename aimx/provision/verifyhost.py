"""The verifier's base URL, read strictly: http or https, a host, perhaps a port and a path. Opens nothing."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from aimx.errors import Refused

_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}")
_PATH = re.compile(r"(/[!-~]*)?")
_PORTS = {"http": 80, "https": 443}


class VerifyHost(NamedTuple):
    """Where the verifier is. `host` without brackets; `path` without trailing slash."""

    scheme: str
    host: str
    port: int
    path: str = ""

    @property
    def authority(self) -> str:
        """For the Host field: the port only if it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def parse(text: str, what: str = "the verifier") -> VerifyHost:
    """Trailing slashes are dropped. Raises: Refused, naming `what`."""
    if not text.startswith(("http://", "https://")):
        raise Refused(f"{what}: a URL that begins with http:// or https:// is needed, not {text[:80]!r}")
    found = url(text.rstrip("/"))
    if found is None or "?" in text or "#" in text:
        raise Refused(f"{what}: {text[:80]!r} is no base URL; write e.g. https://check.aimx.email")
    return found


def url(text: str) -> VerifyHost | None:
    """Any http or https URL without user; None for everything else."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    usable = _HOST.fullmatch(host) or (":" in host and "%" not in host)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    if parts.scheme not in _PORTS or not usable or "@" in parts.netloc or not _PATH.fullmatch(target) or port == 0:
        return None
    return VerifyHost(parts.scheme, host, port or _PORTS[parts.scheme], target)
