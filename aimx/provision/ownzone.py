"""Which records this installation needs: domain, selector and key from file, daemon or flag; the address from wherever
it is known. Changes nothing, and asks the DNS only for an address that nobody else knows.
"""

import ipaddress
from typing import NamedTuple

import trio

from aimx import limits
from aimx.config import schema
from aimx.config.fields import Place
from aimx.errors import ConfigInvalid, Refused
from aimx.model.dns import Question, RecordType
from aimx.model.domain import a_label
from aimx.provision import facts, gather, keypair, nameservice, records
from aimx.provision.gather import Site, Where
from aimx.provision.records import Zone
from aimx.provision.setup import entries
from aimx.resolver.lookup import Lookup


class Given(NamedTuple):
    """What the command line says; None: find out."""

    domain: str | None = None
    selector: str | None = None
    ipv4: str | None = None
    ipv6: str | None = None


class Own(NamedTuple):
    """The zone, and what the operator should know about how it was put together."""

    zone: Zone
    notes: tuple[str, ...]


def find(where: Where, given: Given) -> Own:
    """Raises: Refused when a flag makes no sense or nobody knows the domain."""
    ipv4, ipv6 = _address(given.ipv4, 4), _address(given.ipv6, 6)
    site = gather.site_of(where)
    domain = _domain(site, given)
    selector = _selector(given) or gather.selector_of(site) or "aimx"
    key, notes = _key(site, where, domain, selector)
    out4, out6 = nameservice.routes()
    zone = Zone(
        domain=domain,
        selector=selector,
        key=key,
        ipv4=ipv4 or records.public(out4),
        ipv6=ipv6 or records.public(out6),
        local=frozenset(),
        with_ipv6=ipv6 is not None or facts.with_ipv6(site.config, site.probe),
        only_ipv6=ipv4 is None and out4 is None and records.public(out6) is not None,
    )
    return Own(zone, notes)


async def published(zone: Zone) -> Own:
    """The zone with the addresses that the DNS has now, where nobody else knows them: right if they were right."""
    notes: list[str] = []
    if zone.ipv4 is None and not (zone.only_ipv6 and zone.with_ipv6):
        zone = zone._replace(ipv4=await _now(zone.domain, "A", ("IPv4", "--ipv4"), notes))
    if zone.ipv6 is None and zone.with_ipv6:
        zone = zone._replace(ipv6=await _now(zone.domain, "AAAA", ("IPv6", "--ipv6"), notes))
    return Own(zone, tuple(notes))


async def _now(domain: str, rtype: RecordType, words: tuple[str, str], notes: list[str]) -> str | None:
    found: tuple[str, ...] = ()
    with trio.move_on_after(limits.DOCTOR_DNS_S):
        (answer,) = await Lookup().all((Question(a_label(domain) or domain, rtype),))
        found = answer.records
    family, flag = words
    unknown = f"This machine does not know its public {family} address"
    if len(found) != 1:
        notes.append(f"{unknown}: name it with {flag}.")
        return None
    notes.append(f"{unknown}: {found[0]} is what the DNS has now. {flag} names another.")
    return found[0]


def _address(text: str | None, version: int) -> str | None:
    if text is None:
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        address = None
    if address is None or address.version != version or "%" in text:
        raise Refused(f"--ipv{version} {text}: this is no IPv{version} address")
    return str(address)


def _domain(site: Site, given: Given) -> str:
    if given.domain is not None:
        refusal = entries.domain_refusal(given.domain)
        if refusal is not None:
            raise Refused(refusal)
        return given.domain.lower()
    domain = gather.domain_of(site)
    if domain is None:
        raise Refused(
            "the domain is not known: neither the configuration nor a running daemon tells it. Name it: --domain"
        )
    return domain


def _selector(given: Given) -> str | None:
    if given.selector is None:
        return None
    try:
        return str(schema.TOP["dkim_selector"](Place("--selector"), given.selector))
    except ConfigInvalid as error:
        raise Refused(error.reason) from None


def _key(site: Site, where: Where, domain: str, selector: str) -> tuple[str | None, tuple[str, ...]]:
    found = keypair.look(where.config_file.parent, selector)
    if found.record is not None:
        return found.record, ()
    status = site.probe.status
    if status is not None and status.dkim.selector == selector and status.dkim.record is not None:
        return status.dkim.record, ()
    what = {
        "missing": "there is no key pair yet: `sudo aimx setup` makes it",
        "unreadable": "its files are root's: run this with sudo",
    }.get(found.private.state, f"the key pair cannot be read: {found.private.why}")
    return None, (f"The DKIM record of {selector}._domainkey.{domain} is not known; {what}.",)
