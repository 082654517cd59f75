"""Look questions up with dnspython: absolute names, bounded time, concurrent, cached by TTL."""

import os
from typing import Any

import dns.asyncresolver
import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
import trio

from aimx import limits
from aimx.model.dns import Answer, Question, Status


class Lookup:
    """The one cache and the one resolver. Every failure is an Answer with status `temperror`."""

    def __init__(self) -> None:
        self._resolver = _resolver()
        self._cache: dict[Question, tuple[float, Answer]] = {}

    @staticmethod
    def preload() -> None:
        """Import the backend and record types that dnspython loads at first use."""
        import dns._trio_backend
        import dns.rdtypes.ANY.MX
        import dns.rdtypes.ANY.TXT
        import dns.rdtypes.IN.A
        import dns.rdtypes.IN.AAAA  # noqa: F401

    async def all(self, questions: tuple[Question, ...]) -> tuple[Answer, ...]:
        """One answer per question, in order."""
        found: dict[Question, Answer] = {}

        async def one(question: Question) -> None:
            found[question] = await self._cached(question)

        async with trio.open_nursery() as nursery:
            for question in dict.fromkeys(questions):
                nursery.start_soon(one, question)
        return tuple(found[question] for question in questions)

    async def _cached(self, question: Question) -> Answer:
        now = trio.current_time()
        expires, answer = self._cache.get(question, (0.0, None))
        if answer is not None and expires > now:
            return answer
        answer = await self._look_up(question)
        if answer.status != "temperror" and answer.ttl_s > 0:
            if len(self._cache) >= limits.DNS_CACHE_ENTRIES:
                self._cache.clear()
            self._cache[question] = (now + min(answer.ttl_s, limits.DNS_TTL_MAX_S), answer)
        return answer

    async def _look_up(self, question: Question) -> Answer:
        try:
            name = dns.name.from_text(question.name, dns.name.root)
            reply = await self._resolver.resolve(name, question.rtype, search=False, lifetime=limits.DNS_QUERY_S)
        except dns.resolver.NXDOMAIN:
            return Answer(question, "nxdomain", ttl_s=limits.DNS_TTL_NEGATIVE_S)
        except dns.resolver.NoAnswer:
            return Answer(question, "nodata", ttl_s=limits.DNS_TTL_NEGATIVE_S)
        except (dns.exception.DNSException, OSError, ValueError, UnicodeError):
            return Answer(question, "temperror")
        records = tuple(_text(record) for record in reply)
        status: Status = "ok" if records else "nodata"
        return Answer(question, status, records, int(reply.rrset.ttl) if reply.rrset else 0)


def _text(record: Any) -> str:
    if record.rdtype == dns.rdatatype.TXT:
        return b"".join(record.strings).decode("latin-1")
    if record.rdtype == dns.rdatatype.MX:
        return f"{record.preference} {record.exchange.to_text(omit_final_dot=True)}"
    if record.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA):
        return str(record.address)
    return str(record.target.to_text(omit_final_dot=True))


def _resolver() -> dns.asyncresolver.Resolver:
    """The system's servers, or the one that AIMX_TEST_DNS names as `address:port` (demo and tests)."""
    override = os.environ.get("AIMX_TEST_DNS")
    if not override:
        return dns.asyncresolver.Resolver()
    resolver = dns.asyncresolver.Resolver(configure=False)
    host, _, port = override.rpartition(":")
    resolver.nameservers = [host]
    resolver.port = int(port)
    return resolver
