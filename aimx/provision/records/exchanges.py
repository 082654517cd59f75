"""MX: does mail for the domain come here? Hosts are compared, never text. Pure."""

import re
from typing import NamedTuple

from aimx.mailauth.questions import Asked
from aimx.model.dns import Answer
from aimx.provision.records.zone import Record, Verdict, Zone, answer, unknown, wanted

_DIGITS = re.compile(r"[0-9.]+")


class _Exchange(NamedTuple):
    """One MX. `host` is empty in a null MX (RFC 7505)."""

    preference: int
    host: str


def exchange(zone: Zone, asked: Asked) -> Verdict:
    """Right when the first choice is our domain itself, or a host that has our address."""
    found, record = answer(asked, zone.name, "MX"), wanted(zone)["MX"]
    if found.status == "temperror":
        return unknown("MX", found)
    exchanges = sorted(_read(text) for text in found.records)
    if not exchanges:
        return Verdict("MX", "wrong", "No MX record found", record)
    shown = ", ".join(f"{one.preference} {one.host}." for one in exchanges)
    first = {one.host for one in exchanges if one.preference == exchanges[0].preference}
    why = _slip(zone, first)
    if why:
        return Verdict("MX", "wrong", f"MX record points to {shown}: {why}", record)
    foreign = sorted(first - {zone.name})
    if foreign:
        verdict = _hosts(zone, foreign, asked, shown)
        if verdict is not None:
            return verdict
    return Verdict("MX", "ok", shown) if len(exchanges) == len(first) else _others(shown, record)


def _read(text: str) -> _Exchange:
    number, _, host = text.partition(" ")
    return _Exchange(int(number), host.lower().removesuffix("."))


def _slip(zone: Zone, hosts: set[str]) -> str:
    """The mistakes that a form of a DNS provider leads to."""
    for host in hosts:
        if not host:
            return "that says that the domain takes no mail (null MX)"
        if _DIGITS.fullmatch(host):
            return "an MX record names a host, never an address"
        if host.startswith(f"{zone.name}."):
            return "the DNS provider has appended the domain; end the value with a dot, or leave the domain out"
    return ""


def _hosts(zone: Zone, hosts: list[str], asked: Asked, shown: str) -> Verdict | None:
    """What is to be said about first choices that are not our domain; None when they are this machine."""
    families = [family for family, counts in (("A", not zone.only_ipv6), ("AAAA", zone.with_ipv6)) if counts]
    answers: list[list[Answer]] = [
        [answer(asked, host, "A" if family == "A" else "AAAA") for family in families] for host in hosts
    ]
    ours = {zone.ipv4, zone.ipv6} | zone.local
    record = wanted(zone)["MX"]
    for of_one in answers:
        if any(ours & set(found.records) for found in of_one):
            continue
        silent = next((found for found in of_one if found.status == "temperror"), None)
        if silent is not None:
            return unknown("MX", silent)
        if zone.ipv4 is None and not zone.only_ipv6 and any(found.records for found in of_one):
            return Verdict("MX", "unknown", f"{shown}; not checked: this machine does not know its public address")
        return Verdict("MX", "wrong", f"MX record points to {shown}, expected 10 {zone.name}.", record)
    aliases = {host: found.records[0] for host in hosts if (found := answer(asked, host, "CNAME")).records}
    for host, target in aliases.items():
        why = f"{shown}: {host} is an alias (CNAME) of {target}, which an MX record must not name (RFC 2181)"
        return Verdict("MX", "warn", why, record)
    return None


def _others(shown: str, record: Record) -> Verdict:
    why = f"{shown}: mail goes to the other servers whenever this one does not answer, and AIMX never fetches it there"
    return Verdict("MX", "warn", why, record)
