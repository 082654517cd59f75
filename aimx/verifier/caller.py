"""Who asks: the peer, or the client that a proxy on this host names. Believes no header of anybody else.

X-Forwarded-For is never read: what clients send may be in it.
"""

from collections.abc import Sequence

from aimx.policy import internet
from aimx.policy.internet import Address

HEADER = b"x-aimx-client-ip"


class Unknown(Exception):
    """It cannot be said who asks; the text says why."""


def caller(peer: str, headers: Sequence[tuple[bytes, bytes]]) -> Address:
    """The address that is probed, if it may be. Header names are in small letters. Raises: Unknown."""
    address = internet.parse(peer.partition("%")[0])
    if address is None:
        raise Unknown("the peer has no IP address")
    if not address.is_loopback:
        return address
    named = [value for name, value in headers if name == HEADER]
    if len(named) != 1:
        raise Unknown("a proxy on this host has to name its client, once, in X-AIMX-Client-IP")
    client = internet.parse(named[0].decode("latin-1"))
    if client is None:
        raise Unknown("X-AIMX-Client-IP is no IP address")
    what = internet.blocked(client)
    if what is not None:
        raise Unknown(f"X-AIMX-Client-IP is {what}")
    return client


def share(address: Address) -> str:
    """Whom a limit counts for: an IPv4 address, or the /64 that one customer has of IPv6."""
    if address.version == 4:
        return str(address)
    return f"{int(address) >> 64:016x}::/64"
