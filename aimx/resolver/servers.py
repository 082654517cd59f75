"""Which name servers to ask: those of resolv.conf, re-read when it changes, or the one that AIMX_TEST_DNS names."""

import os

import dns.asyncresolver
import dns.exception
import dns.inet
import dns.resolver

from aimx import limits

TEST_VARIABLE = "AIMX_TEST_DNS"
_CONFIG_FILE = "/etc/resolv.conf"
_LOCAL_SERVER = "127.0.0.1"  # resolv.conf(5): the default when the file names none


class Servers:
    """A configured dnspython resolver; absolute names only, EDNS, bounded time."""

    def __init__(self, config_file: str = _CONFIG_FILE, test_server: str | None = None) -> None:
        self._config_file = config_file
        self._test_server = test_server
        self._stamp = self._stat()
        self._checked_at = 0.0
        self._resolver = self._configured()

    def current(self, now: float) -> tuple[dns.asyncresolver.Resolver, bool]:
        """The resolver, and whether it was re-read just now."""
        if self._test_server is not None or now - self._checked_at < limits.DNS_CONFIG_CHECK_S:
            return self._resolver, False
        self._checked_at = now
        stamp = self._stat()
        if stamp == self._stamp:
            return self._resolver, False
        self._stamp = stamp
        self._resolver = self._configured()
        return self._resolver, True

    def prefer(self, server: str | None) -> None:
        """Ask the server that answered first next time: a dead one before it would cost its time-out each time."""
        servers = self._resolver.nameservers
        if server is not None and server in servers and servers[0] != server:
            self._resolver.nameservers = [server, *(other for other in servers if other != server)]

    def _stat(self) -> tuple[int, int, int] | None:
        try:
            status = os.stat(self._config_file)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size

    def _configured(self) -> dns.asyncresolver.Resolver:
        resolver = dns.asyncresolver.Resolver(configure=False)
        if self._test_server is not None:
            resolver.nameservers, resolver.port = _address(self._test_server)
        else:
            try:
                resolver.read_resolv_conf(self._config_file)
            except (dns.exception.DNSException, OSError, ValueError, UnicodeError):
                resolver.nameservers = [_LOCAL_SERVER]
        resolver.timeout, resolver.lifetime = limits.DNS_TRY_S, limits.DNS_QUERY_S
        resolver.rotate = False
        resolver.use_edns(0, 0, limits.DNS_PAYLOAD_OCTETS)
        return resolver


def system() -> Servers:
    """Those of this machine, or of the test that AIMX_TEST_DNS says this is."""
    return Servers(test_server=os.environ.get(TEST_VARIABLE) or None)


def _address(text: str) -> tuple[list[str], int]:
    """`address:port`; what is neither leads to no server at all, so that every question fails visibly."""
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    if not dns.inet.is_address(host) or not port.isdecimal() or int(port) >= 2**16:
        return [], 0
    return [host], int(port)
