"""Ask the DNS what it says about our domain, all at once and within one deadline; and which addresses are ours."""

import os
import socket

import trio

from aimx import limits
from aimx.model.dns import Answer, Question
from aimx.provision import records
from aimx.provision.facts import Names
from aimx.provision.records import Zone
from aimx.resolver.lookup import Lookup
from aimx.resolver.servers import TEST_VARIABLE

# No packet is sent: the kernel only decides which of our addresses would be the sender's (RFC 5737, RFC 3849).
_SOMEWHERE4, _SOMEWHERE6 = "192.0.2.1", "2001:db8::1"


async def look_up(domain: str, selector: str, key: str | None, with_ipv6: bool) -> Names:
    """Everything that `records.judge` may want to know; what is not answered in time is missing."""
    ipv4, ipv6 = outgoing(_SOMEWHERE4), outgoing(_SOMEWHERE6)
    zone = Zone(domain, selector, key, records.public(ipv4), records.public(ipv6), frozenset(), with_ipv6)
    answers: dict[Question, Answer] = {}
    with trio.move_on_after(limits.DOCTOR_DNS_S):
        lookup = Lookup()
        missing = records.questions(zone)
        for _ in range(limits.DNS_ROUNDS):
            async with trio.open_nursery() as nursery:
                for question in missing:
                    nursery.start_soon(_one, lookup, question, answers)
            _, missing = records.judge(zone, answers, final=False)
            if not missing:
                break
    published = [answer.records for answer in answers.values() if answer.question.rtype in ("A", "AAAA")]
    local = tuple(sorted(address for records_ in published for address in records_ if is_local(address)))
    return Names(domain, tuple(answers.values()), local, ipv4, ipv6, os.environ.get(TEST_VARIABLE) or "")


async def _one(lookup: Lookup, question: Question, answers: dict[Question, Answer]) -> None:
    """By itself, so that one silent server does not take the answers of the others with it."""
    (answers[question],) = await lookup.all((question,))


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
