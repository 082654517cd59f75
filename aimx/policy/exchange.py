"""Which hosts take a domain's mail (RFC 5321 section 5.1, RFC 7505), and which addresses may be connected to.

Never looks anything up: answers are arguments.
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from aimx import limits
from aimx.model.dns import Answer

# What a host can be called. The resolver reads hostile packets, so its words are not believed either.
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?")

# Reachable from here, but not where a stranger's mail server can be (IANA special-purpose registries). Addresses for
# documentation are not among them: they lead nowhere.
_INSIDE_4 = tuple(
    map(
        IPv4Network,
        ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
         "192.0.0.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
    )
)  # fmt: skip
_BROADCAST = IPv4Address("255.255.255.255")
_GLOBAL_6 = IPv6Network("2000::/3")
_TEREDO = IPv6Network("2001::/32")
_6TO4 = IPv6Network("2002::/16")
_NAT64 = IPv6Network("64:ff9b::/96")


class Hosts(NamedTuple):
    """Groups of equal preference, best first; the order within a group is the caller's to choose."""

    groups: tuple[tuple[str, ...], ...]


class NoHosts(NamedTuple):
    """Nobody takes mail for the domain. `permanent`: asking again later is of no use."""

    permanent: bool
    why: str


class Implicit(NamedTuple):
    """There are no MX records: the domain itself is the host."""


def hosts(answer: Answer) -> Hosts | NoHosts | Implicit:
    """What the answer to the MX question means."""
    domain = answer.question.name
    if answer.status == "nxdomain":
        return NoHosts(True, f"5.1.2 the domain {domain} does not exist")
    if answer.status == "nodata":
        return Implicit()
    records = [_exchange(record) for record in answer.records]
    if answer.status == "temperror" or not records:
        return NoHosts(False, f"4.4.3 the mail servers of {domain} could not be looked up")
    if all(not name for _, name in records):  # RFC 7505 section 3
        return NoHosts(True, f"5.1.10 the domain {domain} accepts no mail")
    named = sorted({record for record in records if _HOST.fullmatch(record[1])})
    if not named:
        return NoHosts(True, f"5.4.4 the mail servers of {domain} have impossible names")
    seen: set[str] = set()
    groups: dict[int, list[str]] = {}
    for preference, name in named:
        if name not in seen and len(seen) < limits.MX_HOSTS:
            seen.add(name)
            groups.setdefault(preference, []).append(name)
    return Hosts(tuple(map(tuple, groups.values())))


def _exchange(record: str) -> tuple[int, str]:
    preference, _, name = record.partition(" ")
    known = preference.isdecimal() and len(preference) <= 5  # 16 bits
    return int(preference) if known else 2**16, name.rstrip(".").lower()


def valid(text: str) -> bool:
    """Whether it is an address at all."""
    return _parsed(text) is not None


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    """None for what no AAAA record can hold: a zone, an IPv4 address in the form of an IPv6 one."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and (address.scope_id is not None or address.ipv4_mapped is not None):
        return None
    return address


def _inside(address: IPv4Address | IPv6Address) -> bool:
    """Whether it belongs to this host, its networks, or nobody: never to a mail server of the Internet."""
    if isinstance(address, IPv4Address):
        return any(address in network for network in _INSIDE_4)
    if address in _NAT64:
        return _inside(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address in _6TO4:
        return _inside(IPv4Address(int(address) >> 80 & 0xFFFF_FFFF))
    return address not in _GLOBAL_6 or address in _TEREDO


def connectable(text: str, allow_private: bool) -> bool:
    """Whether we connect there: private networks only on request, what is no host's address never."""
    address = _parsed(text)
    if address is None or address.is_multicast or address.is_unspecified or address == _BROADCAST:
        return False
    return allow_private or not _inside(address)
