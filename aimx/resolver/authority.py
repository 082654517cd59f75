"""Ask the servers that answer for a zone themselves, each by itself: no cache hides a change or the lack of one.

They are found through the system's resolver. Never follows a server to names outside the zone it answers for.
"""

import os
from typing import Literal, NamedTuple

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import trio

from aimx import limits
from aimx.model.dns import Answer, Question, RecordType
from aimx.resolver.lookup import Lookup, record_text
from aimx.resolver.servers import TEST_VARIABLE

_PORT = 53
_SILENT = "does not answer"
_ERRORS = (dns.exception.DNSException, OSError, EOFError, ValueError, UnicodeError, trio.TooSlowError)


class Server(NamedTuple):
    """One name server and the address at which it answered."""

    name: str
    address: str


class Authority(NamedTuple):
    """Who answers for a name. `zone` is empty when that could not be found out. `silent`: server and what is wrong."""

    zone: str
    servers: tuple[Server, ...] = ()
    silent: tuple[tuple[str, str], ...] = ()

    def covers(self, name: str) -> bool:
        """Whether the name lies in the zone (or below it, in one that is delegated away)."""
        return bool(self.servers) and (name == self.zone or name.endswith(f".{self.zone}"))


class _Delegation(NamedTuple):
    """A zone, its servers in a stable order, and the addresses that came along with the names."""

    zone: str
    hosts: tuple[str, ...]
    glue: dict[str, tuple[str, ...]]


class _Probed(NamedTuple):
    """What became of asking one server: it answers for the name, knows who does, or is of no use and why."""

    server: Server | None
    referral: _Delegation | None = None
    why: str = ""


async def find(lookup: Lookup, name: str) -> Authority:
    """The servers that answer for a name (an A-label); from the closest zone that the resolver knows, downwards."""
    delegation = await _closest(lookup, name)
    for _ in range(limits.DNS_REFERRALS):
        if delegation is None:
            break
        probed = await _probe(lookup, delegation, name)
        servers = tuple(one.server for one in probed.values() if one.server is not None)
        silent = tuple((host, one.why) for host, one in probed.items() if one.why)
        if servers:
            return Authority(delegation.zone, servers, silent)
        deeper = next((one.referral for one in probed.values() if one.referral is not None), None)
        if deeper is None:
            return Authority(delegation.zone, (), silent)
        delegation = deeper
    return Authority("")


async def ask(server: Server, question: Question) -> Answer | str:
    """What one server says; the name that it leads to, when that is an alias whose end is not the server's to know."""
    try:
        response = await _exchange(server.address, question.name, question.rtype)
        if response.rcode() == dns.rcode.NXDOMAIN and not response.answer:
            return Answer(question, "nxdomain")
        if response.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return Answer(question, "temperror")
        if not response.answer and _referred(response, question.name) is not None:
            return question.name
        chain = response.resolve_chaining()
    except _ERRORS:
        return Answer(question, "temperror")
    if chain.answer is not None:
        return Answer(question, "ok", tuple(record_text(record) for record in chain.answer), chain.minimum_ttl)
    if chain.cnames:
        return str(chain.canonical_name.to_text(omit_final_dot=True)).lower()
    return Answer(question, "nodata")


async def _closest(lookup: Lookup, name: str) -> _Delegation | None:
    """The closest zone around a name, as the resolver knows it; it may have an old answer about a new zone, or none."""
    labels = name.split(".")
    above = tuple(Question(".".join(labels[at:]), "NS") for at in range(len(labels)))
    for answer in await lookup.all(above):
        if answer.records:
            hosts = tuple(sorted(host.lower() for host in answer.records))
            return _Delegation(answer.question.name, hosts, {})
    return None


async def _probe(lookup: Lookup, delegation: _Delegation, name: str) -> dict[str, _Probed]:
    """Every server of a zone asked about the name, at once; one that is silent at all addresses holds nobody up."""
    found: dict[str, _Probed] = {}

    async def one(host: str) -> None:
        found[host] = await _try(host, await _addresses(lookup, host, delegation.glue), delegation.zone, name)

    hosts = tuple(dict.fromkeys(delegation.hosts))[: limits.DNS_SERVERS]
    with trio.move_on_after(limits.DNS_PROBE_S):
        async with trio.open_nursery() as nursery:
            for host in hosts:
                nursery.start_soon(one, host)
    return {host: found.get(host, _Probed(None, None, _SILENT)) for host in hosts}


async def _addresses(lookup: Lookup, host: str, glue: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    known = glue.get(host, ())
    if not known:
        types: tuple[RecordType, ...] = ("A", "AAAA")
        answers = await lookup.all(tuple(Question(host, rtype) for rtype in types))
        known = tuple(record for answer in answers for record in answer.records)
    return known[: limits.DNS_SERVER_ADDRESSES]


async def _try(host: str, addresses: tuple[str, ...], zone: str, name: str) -> _Probed:
    """The first address that is of use."""
    why = "has no address"
    for address in addresses:
        try:
            response = await _exchange(address, name, "SOA")
        except _ERRORS:
            why = _SILENT
            continue
        referral = _referred(response, name, below=zone)
        if referral is not None:
            return _Probed(None, referral)
        if response.flags & dns.flags.AA and response.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            return _Probed(Server(host, address))
        code = response.rcode()
        said = "" if code == dns.rcode.NOERROR else f" ({dns.rcode.to_text(code)})"
        why = f"does not answer for {zone or 'the root'}{said}"
    return _Probed(None, None, why)


def _referred(response: dns.message.QueryMessage, name: str, below: str = "") -> _Delegation | None:
    """The zone that a server points to instead of answering: one that holds the name and lies deeper."""
    if response.answer or response.flags & dns.flags.AA or response.rcode() != dns.rcode.NOERROR:
        return None
    for rrset in response.authority:
        zone = str(rrset.name.to_text(omit_final_dot=True)).lower()
        holds = name == zone or name.endswith(f".{zone}")
        if rrset.rdtype == dns.rdatatype.NS and holds and len(zone) > len(below):
            hosts = tuple(sorted(record_text(record).lower() for record in rrset))
            return _Delegation(zone, hosts, _glue(response, hosts))
    return None


def _glue(response: dns.message.QueryMessage, hosts: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for rrset in response.additional:
        host = str(rrset.name.to_text(omit_final_dot=True)).lower()
        if host in hosts and rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
            found[host] = found.get(host, ()) + tuple(record_text(record) for record in rrset)
    return found


async def _exchange(address: str, name: str, rtype: RecordType | Literal["SOA"]) -> dns.message.QueryMessage:
    """One question, asked again once; by TCP when the answer is cut. Raises: whatever can go wrong with that."""
    query = dns.message.make_query(dns.name.from_text(name, dns.name.root), rtype)
    query.flags &= ~dns.flags.RD
    query.use_edns(0, 0, limits.DNS_PAYLOAD_OCTETS)
    for last in (False, True):
        try:
            with trio.fail_after(limits.DNS_SERVER_TRY_S):
                response, _ = await dns.asyncquery.udp_with_fallback(
                    query, address, port=_port(), ignore_unexpected=True, ignore_errors=True
                )
                if not isinstance(response, dns.message.QueryMessage):
                    raise dns.exception.FormError
                return response
        except trio.TooSlowError:
            if last:
                raise
    raise AssertionError("unreachable")


def _port() -> int:
    """53; in a test all servers are at the port of the one that AIMX_TEST_DNS names."""
    _, _, port = os.environ.get(TEST_VARIABLE, "").rpartition(":")
    return int(port) if port.isdecimal() else _PORT
