"""The resolver with a network that says whatever the input says: packets of servers, for the cache and for a zone."""

import contextlib
import ipaddress
import socket
from collections.abc import Iterator

import dns._asyncbackend
import dns.asyncbackend
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdataclass
import dns.rdatatype
import trio
import trio.testing

from aimx import limits
from aimx.model.dns import Answer, Question, RecordType
from aimx.resolver import authority
from aimx.resolver.lookup import Lookup, record_text
from aimx.resolver.servers import Servers
from tests.fuzz.target import Frame, target

_TYPES: tuple[RecordType, ...] = ("TXT", "A", "AAAA", "MX", "PTR", "NS")
_NAME = "www.a.test"
_HEADER = 12  # octets before the question
_SERVER = authority.Server("ns.a.test", "192.0.2.53")


class _Network:
    """Says one piece of the input after the other, first what is about the question; keeps what was asked and said."""

    def __init__(self, said: list[bytes]) -> None:
        self._left = said
        self.asked: list[tuple[dns.name.Name, int]] = []
        self.told: list[bytes] = []

    def ask(self, packet: bytes) -> None:
        """A question that leaves."""
        question = dns.message.from_wire(packet).question[0]
        self.asked.append((question.name, question.rdtype))

    def say(self, question: bytes) -> bytes:
        """The next packet, with the number of the question unless it has one of its own. Raises: OSError."""
        if not self._left:
            raise OSError("nobody is there")
        about = question[_HEADER : question.index(b"\0", _HEADER) + 5].lower()
        fitting = [one for one in self._left if one[_HEADER:].lower().startswith(about)]
        packet = next(iter(fitting), self._left[0])
        self._left.remove(packet)
        if packet[:2] == b"\0\0":
            packet = question[:2] + packet[2:]
        self.told.append(packet)
        return packet


class _Datagrams(dns._asyncbackend.DatagramSocket):
    def __init__(self, family: int, network: _Network) -> None:
        super().__init__(family, socket.SOCK_DGRAM)
        self._network, self._to, self._asked = network, ("", 0), b""

    async def sendto(self, what: bytes, destination: tuple[str, int], timeout: float) -> int:
        """The question."""
        self._network.ask(what)
        self._to, self._asked = destination, what
        return len(what)

    async def recvfrom(self, size: int, timeout: float) -> tuple[bytes, tuple[str, int]]:
        """An answer."""
        await trio.lowlevel.checkpoint()
        return self._network.say(self._asked)[:size], self._to

    async def close(self) -> None:
        """Nothing is open."""


class _Stream(dns._asyncbackend.StreamSocket):
    def __init__(self, family: int, network: _Network) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._network, self._rest = network, b""

    async def sendall(self, what: bytes, timeout: float) -> None:
        """The question, its length before it."""
        self._network.ask(what[2:])
        packet = self._network.say(what[2:])
        self._rest = len(packet).to_bytes(2, "big") + packet

    async def recv(self, size: int, timeout: float) -> bytes:
        """Some of the answer; nothing at its end."""
        await trio.lowlevel.checkpoint()
        piece, self._rest = self._rest[: min(size, 700)], self._rest[min(size, 700) :]
        return piece

    async def close(self) -> None:
        """Nothing is open."""


class _Backend(dns._asyncbackend.Backend):
    def __init__(self, network: _Network) -> None:
        self._network = network

    def name(self) -> str:
        """What it runs on."""
        return "trio"

    async def make_socket(self, af: int, socktype: int, *_: object, **__: object) -> dns._asyncbackend.Socket:
        """One to the input."""
        kind = _Stream if socktype == socket.SOCK_STREAM else _Datagrams
        return kind(af, self._network)

    async def sleep(self, interval: float) -> None:
        """Of the mock clock."""
        await trio.sleep(interval)

    def datagram_connection_required(self) -> bool:
        """No."""
        return False


@contextlib.contextmanager
def _instead(network: _Network) -> Iterator[None]:
    before = dns.asyncbackend._default_backend
    dns.asyncbackend._default_backend = _Backend(network)
    try:
        yield
    finally:
        dns.asyncbackend._default_backend = before


def _packets(octets: bytes) -> list[bytes]:
    """Each has its length in two octets before it."""
    found = []
    while len(octets) > 2 and len(found) < 40:
        length = int.from_bytes(octets[:2], "big")
        found.append(octets[2 : 2 + length])
        octets = octets[2 + length :]
    return found


def _played(octets: bytes) -> tuple[_Network, RecordType, "list[Answer | str | authority.Authority]"]:
    """What a lookup, a zone's server, and the search for a zone's servers make of it."""
    network = _Network(_packets(octets[2:]))
    rtype = _TYPES[octets[0] % len(_TYPES)] if octets else "TXT"
    way = octets[1] % 3 if len(octets) > 1 else 0
    question = Question(_NAME, rtype)

    async def play() -> "list[Answer | str | authority.Authority]":
        lookup = Lookup(Servers(test_server="192.0.2.53:53"))
        if way == 0:
            return [*await lookup.all((question,)), *await lookup.all((question, Question("a.test", rtype)))]
        if way == 1:
            return [await authority.ask(_SERVER, question)]
        return [await authority.find(lookup, _NAME)]

    with _instead(network):
        found = trio.run(play, clock=trio.testing.MockClock(autojump_threshold=0))
    return network, rtype, found


def _made(head: bytes, *texts: str) -> bytes:
    said = b""
    for text in texts:
        packet = dns.message.from_text(text).to_wire()
        said += len(packet).to_bytes(2, "big") + packet
    return head + said


_HEAD = "id 0\nopcode QUERY\nflags QR RA\n;QUESTION\n"


@target(
    "resolver",
    "aimx/resolver/ site-packages/dns/resolver site-packages/dns/asyncquery site-packages/dns/message",
    b"\xc0\x0c \0\0\x10\0\x01 \0\0\x01\0\x01 \0\0\x0f\0\x01 \0\0\x02\0\x01 \0\0\x05\0\x01 \0\0\x06\0\x01 \0\0\x0c\0\x01 \xff\xff \x03www\x01a\x04test\0 \x01a\x04test\0 "
    b"\0\0\x84\0 \0\0\x82\0 \0\0\x81\x83 \0\0\x81\x82 \0\0\x81\x85 \0\0\x29",
    longest=1500,
    bound=65535,
    seeds=lambda: [
        _made(b"\0\0", f"{_HEAD}www.a.test. IN TXT\n;ANSWER\nwww.a.test. 5 IN TXT \"v=spf1\" \"b\"\n"),
        _made(b"\1\0", f"{_HEAD}www.a.test. IN A\n;ANSWER\nwww.a.test. 5 IN CNAME b.test.\nb.test. 5 IN A 192.0.2.7\n"),
        _made(b"\1\0", f"{_HEAD}www.a.test. IN A\n;ANSWER\nwww.a.test. 5 IN CNAME b.test.\n", f"{_HEAD}b.test. IN A\n;ANSWER\nb.test. 5 IN A 192.0.2.8\n"),
        _made(b"\3\0", "id 0\nopcode QUERY\nrcode NXDOMAIN\nflags QR RA\n;QUESTION\nwww.a.test. IN MX\n;AUTHORITY\na.test. 60 IN SOA n. h. 1 2 3 4 5\n"),
        _made(b"\3\0", "id 0\nopcode QUERY\nflags QR RA TC\n;QUESTION\nwww.a.test. IN MX\n", f"{_HEAD}www.a.test. IN MX\n;ANSWER\nwww.a.test. 5 IN MX 10 m.a.test.\n"),
        _made(b"\0\1", "id 0\nopcode QUERY\nflags QR AA\n;QUESTION\nwww.a.test. IN TXT\n;ANSWER\nwww.a.test. 5 IN CNAME x.b.test.\n"),
        _made(b"\0\1", "id 0\nopcode QUERY\nflags QR\n;QUESTION\nwww.a.test. IN TXT\n;AUTHORITY\nwww.a.test. 5 IN NS n.www.a.test.\n;ADDITIONAL\nn.www.a.test. 5 IN A 192.0.2.9\n"),
        _made(b"\0\2", f"{_HEAD}www.a.test. IN NS\n", f"{_HEAD}a.test. IN NS\n;ANSWER\na.test. 5 IN NS ns.a.test.\n", f"{_HEAD}test. IN NS\n",
              f"{_HEAD}ns.a.test. IN A\n;ANSWER\nns.a.test. 5 IN A 192.0.2.5\n", f"{_HEAD}ns.a.test. IN AAAA\n",
              "id 0\nopcode QUERY\nflags QR AA\n;QUESTION\nwww.a.test. IN SOA\n"),
    ],
    frames=(Frame(b"\0\0\xff\xff\0\0\x80\0\0\0\xff\xff\0\0\0\0"), Frame(b"\0\1\xff\xff\0\0\x80\0\0\1\xff\xff\0\0\0\0\x03www\x01a\x04test\0\0\x10\0\1"), Frame(b"\0\0")),
    units=(b"\xc0\x0c\0\x10\0\x01\0\0\0\0\0\x02\x01a", b"\xc0\x0c\0\x05\0\x01\0\0\0\0\0\x02\xc0\x0c", b"\0\x0c\0\0\x80\0\0\0\0\0\0\0\0\0"),
    cost=lambda octets: _played(octets) and None,
)  # fmt: skip
def resolver(octets: bytes) -> None:
    """Each question has an answer; its records are of that type and from an answer to what was asked, never beside it."""
    network, rtype, found = _played(octets)
    asked = {*network.asked}
    allowed = _said(network, asked)
    for one in found:
        if isinstance(one, authority.Authority):
            assert len(one.servers) + len(one.silent) <= limits.DNS_SERVERS
            assert not one.servers or one.covers(_NAME)
            for server in one.servers:
                ipaddress.ip_address(server.address)
            continue
        if isinstance(one, str):
            assert one == one.lower() and one
            continue
        assert one.status in ("ok", "nodata", "nxdomain", "temperror")
        assert (one.status == "ok") == bool(one.records)
        assert 0 <= one.ttl_s <= 2**31
        if one.records:
            assert one.records in allowed, (one, allowed)
        for record in one.records:
            record.encode()
            if rtype in ("A", "AAAA"):
                assert ipaddress.ip_address(record).version == (4 if rtype == "A" else 6)
    assert len(network.asked) <= 120


def _said(network: _Network, asked: set[tuple[dns.name.Name, int]]) -> set[tuple[str, ...]]:
    """Every set of records that an answer to one of the questions has in the section for answers."""
    allowed = set()
    for packet in network.told:
        try:
            message = dns.message.from_wire(packet, ignore_trailing=False, continue_on_error=False)
        except (dns.exception.DNSException, EOFError, ValueError, UnicodeError):
            continue
        question = [(one.name, one.rdtype) for one in message.question]
        if not message.flags & dns.flags.QR or not set(question) <= asked:
            continue
        for rrset in message.answer:
            if rrset.rdclass == dns.rdataclass.IN and question and rrset.rdtype == question[0][1]:
                allowed.add(tuple(record_text(record) for record in rrset))
    return allowed
