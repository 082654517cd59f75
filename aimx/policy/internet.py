"""Which addresses are hosts of the internet. What is not is never connected to for a stranger, and never advised."""

import ipaddress

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# IANA's registries of special-purpose addresses (RFC 6890), multicast (RFC 5771) and what is reserved (RFC 1112).
_IPV4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "a private address",
    "100.64.0.0/10": "a shared address of a provider",
    "127.0.0.0/8": "a loopback address",
    "169.254.0.0/16": "a link-local address",
    "172.16.0.0/12": "a private address",
    "192.0.0.0/24": "an address of protocols",
    "192.0.2.0/24": "an address of documentation",
    "192.31.196.0/24": "an address of AS112",
    "192.52.193.0/24": "an address of AMT relays",
    "192.88.99.0/24": "an address of 6to4 relays",
    "192.168.0.0/16": "a private address",
    "192.175.48.0/24": "an address of AS112",
    "198.18.0.0/15": "an address of benchmarks",
    "198.51.100.0/24": "an address of documentation",
    "203.0.113.0/24": "an address of documentation",
    "224.0.0.0/4": "a multicast address",
    "255.255.255.255/32": "the broadcast address",
    "240.0.0.0/4": "a reserved address",
}
# What carries an IPv4 address inside is refused whatever that is: no mail server lives there.
_IPV6 = {
    "::/128": "the unspecified address",
    "::1/128": "a loopback address",
    "::ffff:0:0/96": "an IPv4-mapped address",
    "::/96": "an IPv4-compatible address",
    "64:ff9b::/96": "an address of NAT64",
    "64:ff9b:1::/48": "an address of NAT64",
    "2001::/32": "an address of Teredo",
    "2001:2::/48": "an address of benchmarks",
    "2001::/23": "an address of protocols",
    "2001:db8::/32": "an address of documentation",
    "2002::/16": "an address of 6to4",
    "2620:4f:8000::/48": "an address of AS112",
    "3fff::/20": "an address of documentation",
    "fc00::/7": "a unique local address",
    "fe80::/10": "a link-local address",
    "fec0::/10": "a site-local address",
    "ff00::/8": "a multicast address",
}
_TABLE = [(ipaddress.ip_network(network), what) for network, what in {**_IPV4, **_IPV6}.items()]
_UNICAST6 = ipaddress.IPv6Network("2000::/3")  # all that has ever been given out


def parse(text: str) -> Address | None:
    """The address that a text is, without zone; an IPv4 one dressed as IPv6 is itself. None: it is no address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return None
        return address.ipv4_mapped or address
    return address


def blocked(address: Address) -> str | None:
    """What it is instead of an address of the internet; None when it is one."""
    for network, what in _TABLE:
        if address.version == network.version and address in network:
            return what
    if isinstance(address, ipaddress.IPv6Address) and address not in _UNICAST6:
        return "a reserved address"
    return None if address.is_global else "no address of the internet"


def public(text: str | None) -> str | None:
    """The address as it is written usually if the internet knows a machine by it, else None."""
    address = parse(text) if text is not None else None
    return str(address) if address is not None and blocked(address) is None else None
