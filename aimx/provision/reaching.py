"""Names and connections for the check of port 25: who was asked, and in which way it failed. Sends nothing itself."""

import errno
import ipaddress
import os
import socket
from typing import Literal, NamedTuple

import trio

from aimx import limits
from aimx.effects import tcp

Family = Literal[4, 6]
Cause = Literal["name", "no-route", "refused", "timeout", "tls", "broken", "answer"]

_threads = trio.CapacityLimiter(2)  # a resolver that hangs keeps its thread until it gives up
_FAMILIES: dict[int, Family] = {socket.AF_INET: 4, socket.AF_INET6: 6}
_NO_ROUTE = (errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN)


class Unreached(Exception):
    """Somebody was not reached; the text says who and why."""

    def __init__(self, cause: Cause, why: str) -> None:
        super().__init__(why)
        self.cause = cause
        self.why = why


class Addresses(NamedTuple):
    """Of one name, a few of each family."""

    ipv4: tuple[str, ...]
    ipv6: tuple[str, ...]

    def of(self, family: Family) -> tuple[str, ...]:
        """Those of one family."""
        return self.ipv4 if family == 4 else self.ipv6


async def look_up(host: str) -> Addresses:
    """As every program of this machine sees it, /etc/hosts included. Raises: Unreached."""
    literal = _literal(host)
    if literal is not None:
        return literal
    try:
        with trio.fail_after(limits.PORT_LOOKUP_S):
            found = await trio.to_thread.run_sync(
                lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM),
                abandon_on_cancel=True,
                limiter=_threads,
            )
    except trio.TooSlowError:
        raise Unreached("name", f"the name {host} is not resolved within {limits.PORT_LOOKUP_S:.0f} s") from None
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no usable name"
        raise Unreached("name", f"the name {host} is not resolved: {why}") from error
    addresses: dict[Family, dict[str, None]] = {4: {}, 6: {}}
    for family, *_, name in found:
        if family in _FAMILIES:
            addresses[_FAMILIES[family]][str(name[0])] = None
    most = limits.PORT_ADDRESSES
    return Addresses(tuple(addresses[4])[:most], tuple(addresses[6])[:most])


def _literal(host: str) -> Addresses | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return Addresses((host,), ()) if address.version == 4 else Addresses((), (host,))


async def connect(address: str, port: int) -> tcp.TcpStream:
    """A connection; whoever gets it closes it. Raises: Unreached."""
    where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    try:
        sock = trio.socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise Unreached("no-route", f"{where}: {error.strerror}") from error
    try:
        with trio.fail_after(limits.PORT_CONNECT_S):
            await sock.connect((address, port))
    except trio.TooSlowError:
        sock.close()
        raise Unreached("timeout", f"{where}: no answer within {limits.PORT_CONNECT_S:.0f} s") from None
    except OSError as error:
        sock.close()
        raise Unreached(_cause(error), f"{where}: {os.strerror(error.errno or 0).lower()}") from error
    except BaseException:
        sock.close()
        raise
    return tcp.adopt(trio.SocketStream(sock))


def _cause(error: OSError) -> Cause:
    if error.errno in _NO_ROUTE:
        return "no-route"
    return "timeout" if error.errno in (errno.ETIMEDOUT, errno.EHOSTUNREACH) else "refused"
