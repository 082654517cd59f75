"""A, AAAA and PTR: does the name lead to this machine, and its address to the name? Pure."""

import ipaddress

from aimx.mailauth.questions import Asked
from aimx.provision.records.zone import Family, Name, Verdict, Zone, answer, leaving, unknown, wanted


def address(zone: Zone, family: Family, asked: Asked) -> Verdict:
    """The name has our address, and no other."""
    found, record, ours = answer(asked, zone.name, family), wanted(zone).get(family), zone.address(family)
    if found.status == "temperror":
        return unknown(family, found)
    if not found.records:
        return _none(zone, family, found.status == "nxdomain")
    shown = ", ".join(found.records)
    here = {one for one in found.records if one == ours or one in zone.local}
    if not here and ours is None:
        why = f"{shown}; not checked: this machine does not know its public address (it is behind NAT, or offline)"
        return Verdict(family, "unknown", why)
    if not here or (ours is not None and ours not in here and all(map(private, here))):
        return Verdict(family, "wrong", f"{family} record points to {shown}, expected {ours}", record)
    alias = answer(asked, zone.name, "CNAME").records
    if alias:
        why = f"{shown}, by an alias (CNAME) to {alias[0]}: beside an alias there can be no MX and no TXT record"
        return Verdict(family, "warn", f"{why}; replace it with", record)
    if all(map(private, here)):
        return Verdict(
            family, "warn", f"{shown}: only machines of your own network can reach a private address", record
        )
    others = [one for one in found.records if one not in here]
    if others:
        why = f"{shown}: mail goes to {', '.join(others)} as well, which is not known to be this machine"
        return Verdict(family, "warn", why, record)
    return Verdict(family, "ok", shown)


def _none(zone: Zone, family: Family, nowhere: bool) -> Verdict:
    if family == "A" and zone.only_ipv6 and zone.with_ipv6:
        return Verdict("A", "warn", "No A record found: mail servers without IPv6 cannot reach this domain")
    why = f"No {family} record found"
    if family == "A" and zone.only_ipv6:
        why = f"{why}, and this machine has no IPv4: set enable_ipv6 = true in config.toml for AAAA records"
    elif nowhere:
        why = f"{why}: {zone.name} does not exist in the DNS"
    return Verdict(family, "wrong", why, wanted(zone).get(family))


def private(text: str) -> bool:
    """Whether the address means something in one network only."""
    found = ipaddress.ip_address(text)
    return not found.is_loopback and any(found in network for network in _PRIVATE if network.version == found.version)


# RFC 1918, RFC 6598, RFC 3927, RFC 4193 and RFC 4291 section 2.5.6; loopback is how a whole world is tested.
_PRIVATE = tuple(
    ipaddress.ip_network(text)
    for text in (
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip


def reverse(text: str) -> str:
    """The name that tells what an address is called."""
    return ipaddress.ip_address(text).reverse_pointer


def pointer(zone: Zone, family: Family, asked: Asked) -> tuple[Verdict, ...]:
    """Reverse DNS is the provider's, and optional (guide): never wrong, at most a warning."""
    check: Name = "PTR" if family == "A" else "PTR (IPv6)"
    found = leaving(zone, family, asked)
    if found is None:
        return ()
    said = answer(asked, reverse(found), "PTR")
    if said.status == "temperror":
        return (unknown(check, said),)
    if zone.name in (host.lower() for host in said.records):
        return (Verdict(check, "ok", f"{found} is {zone.name}"),)
    says = f"is {', '.join(said.records)}" if said.records else "has no name"
    why = f"{found} {says}, not {zone.name}: some receivers take that for spam; the provider of the server sets it"
    return (Verdict(check, "warn", why),)
