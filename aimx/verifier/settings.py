"""What the environment says about this service. Every value is checked before anything is opened."""

import re
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import NamedTuple

from aimx import limits
from aimx.errors import Refused
from aimx.policy import internet
from aimx.policy.internet import Address

_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9-]{0,62})?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,62})?)*")


class Endpoint(NamedTuple):
    """Where to listen. `::` takes IPv4 too."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


class Settings(NamedTuple):
    """All of them. `probe_port` is not for operators: mail servers listen on 25."""

    web: Endpoint = Endpoint("127.0.0.1", 3025)
    smtp: Endpoint = Endpoint("0.0.0.0", 25)
    name: str = "localhost"
    smtp_concurrent: int = limits.VERIFIER_SMTP_SESSIONS
    probe_concurrent: int = limits.VERIFIER_PROBES
    probes_per_minute: int = limits.VERIFIER_PROBES_PER_MINUTE
    own_addresses: frozenset[Address] = frozenset()
    probe_port: int = 25


VARIABLES = {
    "BIND_ADDR": "HTTP listener (127.0.0.1:3025)",
    "SMTP_BIND_ADDR": "SMTP responder (0.0.0.0:25)",
    "SMTP_MAX_CONCURRENT": f"SMTP sessions at once ({limits.VERIFIER_SMTP_SESSIONS})",
    "EHLO_NAME": "this host's own name, said in greeting and EHLO (its host name)",
    "PROBE_MAX_CONCURRENT": f"probes at once ({limits.VERIFIER_PROBES})",
    "PROBE_RATE_PER_MINUTE": f"probes of one IPv4 address or IPv6 /64 ({limits.VERIFIER_PROBES_PER_MINUTE})",
    "OWN_ADDRESSES": "further addresses of this host that are never probed, separated by commas (none)",
}


def read(environ: Mapping[str, str]) -> Settings:
    """Raises: Refused, naming the variable."""
    default = Settings()
    return Settings(
        web=_endpoint(environ, "BIND_ADDR", default.web),
        smtp=_endpoint(environ, "SMTP_BIND_ADDR", default.smtp),
        name=_name(environ),
        smtp_concurrent=_number(environ, "SMTP_MAX_CONCURRENT", default.smtp_concurrent),
        probe_concurrent=_number(environ, "PROBE_MAX_CONCURRENT", default.probe_concurrent),
        probes_per_minute=_number(environ, "PROBE_RATE_PER_MINUTE", default.probes_per_minute),
        own_addresses=frozenset(_addresses(environ, "OWN_ADDRESSES")),
    )


def _endpoint(environ: Mapping[str, str], variable: str, default: Endpoint) -> Endpoint:
    text = environ.get(variable, "")
    if not text:
        return default
    host, colon, port = text.rpartition(":")
    usable = colon and port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    six = host.startswith("[") and host.endswith("]")
    try:
        address = ip_address(host[1:-1] if six else host)
    except ValueError:
        address = None
    if not usable or address is None or six != (address.version == 6):
        raise Refused(f"{variable}: {text[:80]!r} is no ADDRESS:PORT; write e.g. {default} or [::]:{default.port}")
    return Endpoint(str(address), int(port))


def _name(environ: Mapping[str, str]) -> str:
    text = environ.get("EHLO_NAME", "")
    if text and not _NAME.fullmatch(text):
        raise Refused(f"EHLO_NAME: {text[:80]!r} is no host name; write e.g. verify.example.com")
    host = text or socket.gethostname()
    return host if _NAME.fullmatch(host) else Settings().name


def _number(environ: Mapping[str, str], variable: str, default: int) -> int:
    text = environ.get(variable, "")
    if not text:
        return default
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= limits.VERIFIER_SETTING_MAX:
        raise Refused(f"{variable}: {text[:80]!r} is no number from 1 to {limits.VERIFIER_SETTING_MAX}")
    return int(text)


def _addresses(environ: Mapping[str, str], variable: str) -> list[Address]:
    found = []
    for text in environ.get(variable, "").split(","):
        address = internet.parse(text.strip())
        if address is None and text.strip():
            raise Refused(f"{variable}: {text.strip()[:80]!r} is no IP address")
        if address is not None:
            found.append(address)
    return found
