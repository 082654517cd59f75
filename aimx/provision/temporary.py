"""The listener that answers on a free port 25 while it is checked. Takes no mail; is there only for that time."""

import errno
import socket
from typing import TYPE_CHECKING

import trio

from aimx import limits
from aimx.smtp.responder import Responder

if TYPE_CHECKING:
    from aimx.provision.occupancy import OwnPort

RESPONDER = Responder("localhost", "ESMTP aimx", "502 Not implemented")
_NO_IPV6 = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


async def bind(own: "OwnPort") -> list[trio.SocketListener]:
    """A socket for each address; a machine without IPv6 has none for that. Raises: OSError."""
    found: list[trio.SocketListener] = []
    try:
        for address in own.addresses:
            sock = _bound(address, own.port)
            if sock is not None:
                found.append(trio.SocketListener(trio.socket.from_stdlib_socket(sock)))
    except BaseException:
        for listener in found:
            listener.socket.close()
        raise
    return found


def _bound(address: str, port: int) -> socket.socket | None:
    six = ":" in address
    sock = None
    try:
        sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((address, port))
        sock.listen(limits.PORT_SESSIONS)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        if six and error.errno in _NO_IPV6:
            return None
        raise
    return sock
