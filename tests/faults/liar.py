"""A name server that lies as the name says: `….MODE.lie.test` by the table here, every other name by its zone.

What is forged leads to the host `canary.test`, where nobody may ever ask for anything.
"""

import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress

import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset

from aimx.demo.zone import Zone, answer
from tests.resolver.hostile import _pair

BELOW = ".lie.test"
LATE_S = 0.3  # well within what one packet may take
Query = dns.message.Message
_FORGED = {"MX": "0 canary.test.", "TXT": '"v=spf1 +all"', "A": "127.0.0.66", "AAAA": "::1", "PTR": "canary.test."}


def _wire(reply: dns.message.Message) -> bytes:
    return reply.to_wire(max_size=65535)


def _with(query: Query, rtype: str, *texts: str, name: str = "") -> dns.message.Message:
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    owner = name or query.question[0].name.to_text()
    reply.answer.append(dns.rrset.from_text(owner, 60, "IN", rtype, *texts))
    return reply


def _forged(query: Query) -> dns.message.Message:
    rtype = dns.rdatatype.to_text(query.question[0].rdtype)
    return _with(query, rtype, _FORGED[rtype])


def _code(code: dns.rcode.Rcode) -> Callable[[Query], list[bytes]]:
    def reply(query: Query) -> list[bytes]:
        made = dns.message.make_response(query)
        made.set_rcode(code)
        return [_wire(made)]

    return reply


def _changed(at: int, octets: bytes) -> Callable[[Query], list[bytes]]:
    """The forged answer with other octets at one place."""

    def reply(query: Query) -> list[bytes]:
        wire = _wire(_forged(query))
        return [wire[:at] + octets + wire[at + len(octets) :]]

    return reply


def _wrong_id(query: Query) -> list[bytes]:
    made = _forged(query)
    made.id = query.id ^ 0x5555
    return [_wire(made)]


def _wrong_question(query: Query) -> list[bytes]:
    other = dns.message.make_query("other.test.", query.question[0].rdtype, id=query.id)
    return [_wire(_forged(other))]


def _other_owner(query: Query) -> list[bytes]:
    rtype = dns.rdatatype.to_text(query.question[0].rdtype)
    return [_wire(_with(query, rtype, _FORGED[rtype], name="other.test."))]


def _additional(query: Query) -> list[bytes]:
    """No answer, but everything that nobody asked for."""
    made = dns.message.make_response(query)
    made.additional.append(dns.rrset.from_text("mx.test.", 60, "IN", "A", _FORGED["A"]))
    made.authority.append(dns.rrset.from_text("test.", 60, "IN", "NS", "canary.test."))
    return [_wire(made)]


def _truncated(query: Query) -> list[bytes]:
    made = _forged(query)
    made.flags |= dns.flags.TC
    return [_wire(made)]


def _pointer(target: int) -> Callable[[Query], list[bytes]]:
    """The owner of the record is a compression pointer there; 12 + the question is where it stands itself."""

    def reply(query: Query) -> list[bytes]:
        empty = bytearray(_wire(dns.message.make_response(dns.message.make_query(
            query.question[0].name, query.question[0].rdtype, id=query.id))))  # fmt: skip
        empty[6:8] = b"\0\1"
        place = len(empty) if target < 0 else target
        return [bytes(empty) + struct.pack(">HHHIH", 0xC000 | place, 15, 1, 60, 4) + b"\0\0\xc0\x0c"]

    return reply


def _loop(query: Query) -> list[bytes]:
    name = query.question[0].name.to_text()
    made = _with(query, "CNAME", f"b.{name}")
    made.answer.append(dns.rrset.from_text(f"b.{name}", 60, "IN", "CNAME", name))
    return [_wire(made)]


def _endless(query: Query) -> list[bytes]:
    """Each name is an alias of the next."""
    name = query.question[0].name.to_text()
    number = int(name[1:].partition(".")[0]) if name[:1] == "n" and name[1:2].isdigit() else 0
    rest = name.partition(".")[2] if number else name
    return [_wire(_with(query, "CNAME", f"n{number + 1}.{rest}"))]


def _many(query: Query) -> list[bytes]:
    texts = [f"{number} mx{number}.nowhere.test." for number in range(30)]
    rtype = dns.rdatatype.to_text(query.question[0].rdtype)
    return [_wire(_with(query, "MX", *texts))] if rtype == "MX" else _code(dns.rcode.NXDOMAIN)(query)


def _absent(query: Query) -> list[bytes]:
    """The truth about every name here."""
    return _code(dns.rcode.NXDOMAIN)(query)


# mode → the datagrams that answer a question
UDP: dict[str, Callable[[Query], list[bytes]]] = {
    "drop": lambda query: [],
    "servfail": _code(dns.rcode.SERVFAIL),
    "refused": _code(dns.rcode.REFUSED),
    "notimp": _code(dns.rcode.NOTIMP),
    "formerr": _code(dns.rcode.FORMERR),
    "yxdomain": _code(dns.rcode.YXDOMAIN),
    "notauth": _code(dns.rcode.NOTAUTH),
    "garbage": lambda query: [b"\xff" * 40],
    "nothing": lambda query: [b""],
    "one-octet": lambda query: [b"\0"],
    "header-only": lambda query: [_wire(_forged(query))[:12]],
    "cut": lambda query: [_wire(_forged(query))[:-3]],
    "echo": lambda query: [_wire(query)],
    "not-a-response": _changed(2, b"\x01"),
    "other-opcode": _changed(2, b"\x91"),
    "wrong-id": _wrong_id,
    "wrong-question": _wrong_question,
    "wrong-source": lambda query: [],
    "many-announced": _changed(6, b"\xff\xff"),
    "questions-announced": _changed(4, b"\xff\xff"),
    "label-too-long": _changed(12, b"\x7f"),
    "trailing": lambda query: [_wire(_forged(query)) + b"\0" * 100],
    "pointer-to-itself": _pointer(-1),
    "pointer-beyond": _pointer(0x3FFF),
    "pointer-into-the-header": _pointer(2),
    "oversized": lambda query: [b"\0" * 60_000],
    "cname-loop": _loop,
    "cname-endless": _endless,
    "cname-itself": lambda query: [_wire(_with(query, "CNAME", query.question[0].name.to_text()))],
    "tc-refused": _truncated,
    "tc-closed": _truncated,
    "tc-slow": _truncated,
    "tc-garbage": _truncated,
    "tc-wrong-id": _truncated,
    "tc-short": _truncated,
    "tc-again": _truncated,
    "tc-servfail": _truncated,
    "other-owner": _other_owner,
    "additional": _additional,
    "nxdomain": _absent,
    "late": _absent,
    "twice": lambda query: _absent(query) * 2,
    "true-after-wrong-id": lambda query: _wrong_id(query) + _absent(query),
    "true-after-wrong-question": lambda query: _wrong_question(query) + _absent(query),
    "true-after-wrong-source": _absent,
    "true-after-garbage": lambda query: [b"\xff" * 40, b"", *_absent(query)],
    "tc-true": _truncated,
    "tc-true-late": _truncated,
    "empty": lambda query: [_wire(dns.message.make_response(query))],
    "many-hosts": _many,
}  # fmt: skip


def _tcp(mode: str, query: Query) -> bytes:
    """What comes on a connection. The frame's length is part of it."""
    reply = _forged(query)
    if mode == "tc-wrong-id":
        reply.id = query.id ^ 0x5555
    if mode == "tc-again":
        reply.flags |= dns.flags.TC
        del reply.answer[:]
        reply.set_rcode(dns.rcode.SERVFAIL)
    octets = _code(dns.rcode.SERVFAIL)(query)[0] if mode == "tc-servfail" else _wire(reply)
    if mode.startswith("tc-true"):
        octets = _absent(query)[0]
    if mode == "tc-garbage":
        octets = b"\xff" * 300
    if mode == "tc-short":
        octets = octets[:20]
    return struct.pack(">H", len(octets)) + octets


def mode_of(query: Query) -> str:
    """How to lie about this name; empty: not at all."""
    name = query.question[0].name.to_text(omit_final_dot=True).lower()
    mode = name.removesuffix(BELOW).rpartition(".")[2] if name.endswith(BELOW) else ""
    return mode if mode in UDP else ""


class Liar(AbstractContextManager["Liar"]):
    """Running until it is left. `told` counts lies by mode."""

    def __init__(self, zone: Zone) -> None:
        self.zone = zone
        self.told: Counter[str] = Counter()
        self._closing = threading.Event()
        self._udp, self._tcp = _pair()
        self._tcp.listen(64)
        self.address = f"127.0.0.1:{self._udp.getsockname()[1]}"
        for target in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=target, daemon=True).start()

    def _serve_udp(self) -> None:
        while not self._closing.is_set():
            with suppress(OSError, dns.exception.DNSException):
                octets, peer = self._udp.recvfrom(4096)
                self._answer(dns.message.from_wire(octets), peer)

    def _answer(self, query: Query, peer: tuple[str, int]) -> None:
        mode = mode_of(query)
        if not mode:
            self._udp.sendto(_wire(answer(self.zone, query)), peer)
            return
        self.told[mode] += 1
        if mode == "late":
            threading.Timer(LATE_S, self._say, (_absent(query)[0], peer)).start()
            return
        if mode.endswith("wrong-source"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.sendto(_wire(_forged(query)), peer)
        for octets in UDP[mode](query):
            self._udp.sendto(octets, peer)

    def _say(self, octets: bytes, peer: tuple[str, int]) -> None:
        with suppress(OSError):
            self._udp.sendto(octets, peer)

    def _serve_tcp(self) -> None:
        while not self._closing.is_set():
            with suppress(OSError):
                connection, _ = self._tcp.accept()
                threading.Thread(target=self._connected, args=(connection,), daemon=True).start()

    def _connected(self, connection: socket.socket) -> None:
        with connection, suppress(OSError, dns.exception.DNSException):
            octets = connection.recv(4096)
            query = dns.message.from_wire(octets[2:])
            mode = mode_of(query)
            if mode in ("tc-closed", "tc-refused", ""):
                return
            reply = _tcp(mode, query)
            if mode == "tc-slow":
                connection.sendall(reply[:5])
                self._closing.wait(30)
                return
            if mode == "tc-true-late":
                self._closing.wait(LATE_S)
            connection.sendall(reply)

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        for sock in (self._udp, self._tcp):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
