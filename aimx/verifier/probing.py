"""Connect to port 25 of an address and greet, if it may be done. Nothing else is ever connected to."""

import errno
import os
import socket
from typing import NamedTuple

import trio

from aimx import limits
from aimx.effects import tcp
from aimx.flows.greeting import greet
from aimx.policy import internet
from aimx.policy.internet import Address
from aimx.verifier.gate import Full
from aimx.verifier.settings import Settings

_SHORT = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class Probed(NamedTuple):
    """Whether a mail server answers there; `why` not, for the log of this service."""

    reachable: bool
    why: str = ""


def refusal(address: Address, settings: Settings) -> str | None:
    """Why this address is never connected to. Raises: Full when that cannot be found out now."""
    what = internet.blocked(address)
    if what is not None:
        return what
    return "an address of this host" if address in settings.own_addresses or _is_own(address) else None


async def probe(address: Address, settings: Settings) -> Probed:
    """Connection, greeting, EHLO, QUIT, all within VERIFIER_PROBE_S. Whatever goes wrong there is an answer.

    Raises: Full when it is this host that has nothing left for another connection.
    """
    refused = refusal(address, settings)
    if refused is not None:
        return Probed(False, refused)
    with trio.move_on_after(limits.VERIFIER_PROBE_S):
        try:
            stream = await _connected(address, settings.probe_port)
        except OSError as error:
            if error.errno in _SHORT:
                raise Full(own=False) from error
            return Probed(False, os.strerror(error.errno) if error.errno else "no connection")
        try:
            why = await greet(stream, settings.name)
        finally:
            await trio.aclose_forcefully(stream)
        return Probed(why is None, why or "")
    return Probed(False, f"not done within {limits.VERIFIER_PROBE_S:.0f} s")


async def _connected(address: Address, port: int) -> tcp.TcpStream:
    """Raises: OSError."""
    sock = trio.socket.socket(_family(address), socket.SOCK_STREAM)
    try:
        await sock.connect((str(address), port))
    except BaseException:
        sock.close()
        raise
    return tcp.adopt(trio.SocketStream(sock))


def _is_own(address: Address) -> bool:
    """Only to itself a host speaks from the very address that it speaks to. No packet is sent."""
    try:
        with socket.socket(_family(address), socket.SOCK_DGRAM) as sock:
            sock.connect((str(address), 1))
            return internet.parse(str(sock.getsockname()[0])) == address
    except OSError as error:
        if error.errno in _SHORT:
            raise Full(own=False) from error
        return False  # no route, so there is no connection either


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6
