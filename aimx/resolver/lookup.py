"""Look questions up with dnspython: absolute names, bounded time, concurrent, each question in flight once."""

import resource
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdatatype
import dns.resolver
import trio

from aimx import limits
from aimx.model.dns import Answer, Question
from aimx.resolver.cache import AnswerCache
from aimx.resolver.servers import Servers, system


class _Flight:
    """One question on its way, and everybody who waits for it."""

    def __init__(self, question: Question) -> None:
        self.landed = trio.Event()
        self.answer = Answer(question, "temperror")


class Lookup:
    """The one cache and the one resolver. Every failure is an Answer with status `temperror`."""

    def __init__(self, servers: Servers | None = None, cache: AnswerCache | None = None) -> None:
        self._servers = servers or system()
        self._cache = cache or AnswerCache()
        self._flights: dict[Question, _Flight] = {}
        self._slots = trio.CapacityLimiter(_concurrency())

    @staticmethod
    def preload() -> None:
        """Import the backend and record types that dnspython loads at first use."""
        import dns._trio_backend

        dns.rdata.load_all_types()

    async def all(self, questions: tuple[Question, ...]) -> tuple[Answer, ...]:
        """One answer per question, in order."""
        found: dict[Question, Answer] = {}

        async def one(question: Question) -> None:
            found[question] = await self._fetch(question)

        async with trio.open_nursery() as nursery:
            for question in dict.fromkeys(questions):
                known = self._cache.get(question, trio.current_time())
                if known is not None:
                    found[question] = known
                else:
                    nursery.start_soon(one, question)
        return tuple(found[question] for question in questions)

    async def _fetch(self, question: Question) -> Answer:
        flight = self._flights.get(question)
        if flight is None:
            flight = self._flights[question] = _Flight(question)
            try:
                flight.answer = await self._look_up(question)
                self._cache.put(flight.answer, trio.current_time())
            finally:
                del self._flights[question]
                flight.landed.set()
        await flight.landed.wait()
        return flight.answer

    async def _look_up(self, question: Question) -> Answer:
        failed = Answer(question, "temperror", ttl_s=limits.DNS_TTL_FAILURE_S)
        resolver, changed = self._servers.current(trio.current_time())
        if changed:
            self._cache.clear()
        try:
            name = dns.name.from_text(question.name, dns.name.root)
            with trio.fail_after(limits.DNS_QUERY_S):
                async with self._slots:
                    return await self._follow(resolver, question, name)
        except (dns.exception.DNSException, OSError, EOFError, ValueError, UnicodeError, trio.TooSlowError):
            return failed

    async def _follow(self, resolver: dns.asyncresolver.Resolver, question: Question, name: dns.name.Name) -> Answer:
        """Ask until the chain of aliases ends: some servers leave its end to us."""
        ttl_s = limits.DNS_TTL_MAX_S
        seen: set[dns.name.Name] = set()
        while name not in seen and len(seen) < limits.DNS_ALIASES:
            seen.add(name)
            try:
                reply = await resolver.resolve(name, question.rtype, search=False, raise_on_no_answer=False)
            except dns.resolver.NXDOMAIN as error:
                return Answer(question, "nxdomain", ttl_s=min(ttl_s, _negative_ttl(error.response(name))))
            self._servers.prefer(reply.nameserver)
            chain = reply.chaining_result
            if reply.rrset is not None:
                records = tuple(record_text(record) for record in reply.rrset)
                return Answer(question, "ok", records, min(ttl_s, chain.minimum_ttl))
            if not chain.cnames:
                return Answer(question, "nodata", ttl_s=min(ttl_s, _negative_ttl(reply.response)))
            ttl_s = min(ttl_s, *(rrset.ttl for rrset in chain.cnames))
            name = chain.canonical_name
        return Answer(question, "temperror", ttl_s=limits.DNS_TTL_FAILURE_S)


def _concurrency() -> int:
    """Questions at once: so many that those of a few senders with dead servers hold nobody else's up."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - limits.DNS_RESERVED_FILES
    return max(1, min(limits.DNS_CONCURRENCY, files))


def _negative_ttl(response: dns.message.QueryMessage) -> int:
    """RFC 2308 section 5: the SOA's TTL or minimum, whichever is less; ours without one."""
    soas = [rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA]
    if not soas:
        return limits.DNS_TTL_NEGATIVE_S
    soa = soas[0]
    return min(int(soa.ttl), int(soa[0].minimum), limits.DNS_TTL_NEGATIVE_MAX_S)


def record_text(record: Any) -> str:
    """As `model.dns.Answer` has it."""
    if record.rdtype == dns.rdatatype.TXT:
        return b"".join(record.strings).decode("latin-1")
    if record.rdtype == dns.rdatatype.MX:
        return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
    if record.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
        return str(record.address)
    return str(record.target.to_text(omit_final_dot=True))
