"""Ask the DNS what it says about our domain, all at once and within one deadline; and which addresses are ours.

The servers that answer for the domain are asked themselves, each by itself, and the system's resolver is asked too:
it knows everybody else's names, and it is the word where those servers cannot be reached.
"""

import os
import socket
from collections.abc import Iterable

import msgspec
import trio

from aimx import limits
from aimx.model.dns import Answer, Question
from aimx.provision import records
from aimx.provision.facts import Names, View
from aimx.provision.records import Zone
from aimx.resolver import authority, dnssec
from aimx.resolver.authority import Authority, Server
from aimx.resolver.lookup import Lookup
from aimx.resolver.servers import TEST_VARIABLE, system

# No packet is sent: the kernel only decides which of our addresses would be the sender's (RFC 5737, RFC 3849).
_SOMEWHERE4, _SOMEWHERE6 = "192.0.2.1", "2001:db8::1"


async def look_up(domain: str, selector: str, key: str | None, with_ipv6: bool) -> Names:
    """Everything that `records.judge` may want to know; what is not answered in time is missing."""
    ipv4, ipv6 = routes()
    public4, public6 = records.public(ipv4), records.public(ipv6)
    zone = Zone(domain, selector, key, public4, public6, frozenset(), with_ipv6, ipv4 is None and public6 is not None)
    found = await look(zone, limits.DOCTOR_DNS_S)
    return msgspec.structs.replace(found, outgoing4=ipv4, outgoing6=ipv6)


async def look(zone: Zone, deadline_s: float = limits.DNS_LOOK_S) -> Names:
    """The same for a zone of which the addresses are known."""
    inquiry = _Inquiry(zone)
    with trio.move_on_after(deadline_s):
        await inquiry.run()
    answers = tuple(inquiry.answers.values())
    views = tuple(View(server.name, tuple(said.values())) for server, said in inquiry.views.items())
    published = {record for answer in (*answers, *_all(views)) for record in _addresses(answer)}
    local = tuple(sorted(address for address in published if is_local(address)))
    test_server = os.environ.get(TEST_VARIABLE) or ""
    return Names(
        zone.domain, answers, local, zone.ipv4, zone.ipv6, test_server, views, inquiry.notes(), inquiry.rejected
    )


def _all(views: Iterable[View]) -> Iterable[Answer]:
    return (answer for view in views for answer in view.answers)


def _addresses(answer: Answer) -> tuple[str, ...]:
    return answer.records if answer.question.rtype in ("A", "AAAA") else ()


class _Inquiry:
    """One look: who answers for the domain, and everything that has been said so far."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone
        self._lookup = Lookup()
        self._authority: Authority | None = None
        self.answers: dict[Question, Answer] = {}
        self.views: dict[Server, dict[Question, Answer]] = {}
        self.rejected = False

    async def run(self) -> None:
        """Ask round by round until nobody has a question left."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._find)
            nursery.start_soon(self._rounds_of_the_resolver)
        question = Question(self._zone.name, "A")
        if self.views and self.answers[question].status == "temperror":
            self.rejected = await dnssec.rejected(system(), question.name)
        begin = {question for question in records.questions(self._zone) if self._theirs(question)}
        missing = {(server, question) for server in self.views for question in begin}
        for _ in range(limits.DNS_ROUNDS):
            async with trio.open_nursery() as nursery:
                for server, question in missing:
                    nursery.start_soon(self._ask, server, question)
            missing = {(server, question) for server in self.views for question in self._open(server)}
            if not missing:
                break

    def _open(self, server: Server) -> tuple[Question, ...]:
        """What has to be known next to judge what this server says."""
        outside = {question: answer for question, answer in self.answers.items() if not self._theirs(question)}
        return records.judge(self._zone, {**outside, **self.views[server]}, final=False)[1]

    def notes(self) -> tuple[str, ...]:
        """What is odd about the servers that answer for the domain."""
        if self._authority is None:
            return ()
        return tuple(f"{host} {why}" for host, why in self._authority.silent)

    def _theirs(self, question: Question) -> bool:
        return self._authority is not None and self._authority.covers(question.name)

    async def _find(self) -> None:
        self._authority = await authority.find(self._lookup, self._zone.name)
        self.views = {server: {} for server in self._authority.servers}

    async def _rounds_of_the_resolver(self) -> None:
        missing = records.questions(self._zone)
        for _ in range(limits.DNS_ROUNDS):
            async with trio.open_nursery() as nursery:
                for question in missing:
                    nursery.start_soon(self._resolve, question)
            _, missing = records.judge(self._zone, self.answers, final=False)
            if not missing:
                break

    async def _resolve(self, question: Question) -> None:
        """By itself, so that one silent server does not take the answers of the others with it."""
        (self.answers[question],) = await self._lookup.all((question,))

    async def _ask(self, server: Server, question: Question) -> None:
        """Of the server what is its own to say, of the resolver what is somebody else's."""
        if not self._theirs(question):
            await self._resolve(question)
            return
        answer = await authority.ask(server, question)
        if isinstance(answer, str):  # an alias that leads out of the zone, or a part of it that others answer for
            (end,) = await self._lookup.all((Question(answer, question.rtype),))
            answer = Answer(question, end.status, end.records, end.ttl_s)
        self.views[server][question] = answer


def only_ipv6() -> bool:
    """Whether this machine has no IPv4 at all, and a public IPv6 address."""
    ipv4, ipv6 = routes()
    return ipv4 is None and records.public(ipv6) is not None


def own_public() -> tuple[str | None, str | None]:
    """The IPv4 and the IPv6 address that connections to the world leave from, where the world knows us by them."""
    ipv4, ipv6 = routes()
    return records.public(ipv4), records.public(ipv6)


def routes() -> tuple[str | None, str | None]:
    """The addresses, IPv4 and IPv6, that connections to the world leave from."""
    return outgoing(_SOMEWHERE4), outgoing(_SOMEWHERE6)


def outgoing(somewhere: str) -> str | None:
    """The address that connections to the world leave from; None without a route."""
    family = socket.AF_INET6 if ":" in somewhere else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.connect((somewhere, 1))
            return str(sock.getsockname()[0])
    except OSError:
        return None


def is_local(address: str) -> bool:
    """Whether this machine has the address: only then may a socket be bound to it."""
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sock:
            sock.bind((address, 0))
    except OSError:
        return False
    return True
