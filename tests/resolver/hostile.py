"""A loopback DNS server that misbehaves as told, packet by packet, on UDP and TCP of one port."""

import socket
import struct
import threading
from collections import Counter
from contextlib import AbstractContextManager

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset


def _records(query, name, rtype, *texts, ttl=60):
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.RA
    reply.answer.append(dns.rrset.from_text(name, ttl, "IN", rtype, *texts))
    return reply


def _error(query, rcode):
    reply = dns.message.make_response(query)
    reply.set_rcode(rcode)
    return reply


def _wire(reply):
    return reply.to_wire(max_size=65535)


def _wrong_id_first(query):
    forged = _records(query, query.question[0].name, "TXT", '"forged"')
    forged.id = query.id ^ 0x5555
    return [_wire(forged), _wire(_records(query, query.question[0].name, "TXT", '"real"'))]


def _other_question_first(query):
    other = dns.message.make_query("other.test.", "TXT", id=query.id)
    forged = _records(other, "other.test.", "TXT", '"forged"')
    return [_wire(forged), _wire(_records(query, query.question[0].name, "TXT", '"real"'))]


def _dead_names(query):
    """Silence about one domain only."""
    name = query.question[0].name
    return [] if name.to_text().endswith(".dead.test.") else [_wire(_records(query, name, "TXT", '"good"'))]


def _never(query):
    """No such name for the next fourteen years."""
    reply = _error(query, dns.rcode.NXDOMAIN)
    soa = "ns.test. root.test. 1 2 3 4 441504000"
    reply.authority.append(dns.rrset.from_text("test.", 441504000, "IN", "SOA", soa))
    return [_wire(reply)]


def _loop(query):
    reply = _records(query, query.question[0].name, "CNAME", "b.loop.test.")
    reply.answer.append(dns.rrset.from_text("b.loop.test.", 60, "IN", "CNAME", query.question[0].name.to_text()))
    return [_wire(reply)]


def _endless(query):
    """Each name is an alias of the next, one per answer."""
    first = query.question[0].name.labels[0].decode()
    number = int(first.rpartition("-")[2]) if "-" in first else 0
    return [_wire(_records(query, query.question[0].name, "CNAME", f"n-{number + 1}.endless.test."))]


def _open_chain(query):
    """A server that knows the alias but not its target, which only it can be asked for."""
    name = query.question[0].name
    if name.to_text() == "target.open.test.":
        return [_wire(_records(query, name, "TXT", '"end of the chain"'))]
    return [_wire(_records(query, name, "CNAME", "target.open.test."))]


def _truncated(query):
    reply = dns.message.make_response(query)
    reply.flags |= dns.flags.TC
    return [_wire(reply)]


UDP = {
    "drop": lambda query: [],
    "servfail": lambda query: [_wire(_error(query, dns.rcode.SERVFAIL))],
    "refused": lambda query: [_wire(_error(query, dns.rcode.REFUSED))],
    "notimp": lambda query: [_wire(_error(query, dns.rcode.NOTIMP))],
    "formerr": lambda query: [_wire(_error(query, dns.rcode.FORMERR))],
    "garbage": lambda query: [b"\xff" * 40],
    "short": lambda query: [_wire(_records(query, query.question[0].name, "TXT", '"x"'))[:20]],
    "wrong-id": _wrong_id_first,
    "wrong-question": _other_question_first,
    "cname-loop": _loop,
    "endless": _endless,
    "open-chain": _open_chain,
    "never": _never,
    "dead-names": _dead_names,
    "truncated": _truncated,
    "truncated-no-tcp": _truncated,
    "tcp-drip": _truncated,
    "tcp-closed": _truncated,
    "wrong-peer": lambda query: [_wire(_records(query, query.question[0].name, "TXT", '"real"'))],
    "flip": lambda query: [_wire(_records(query, query.question[0].name, "TXT", f'"{query.id}"', ttl=0))],
    "good": lambda query: [_wire(_records(query, query.question[0].name, "TXT", '"good"'))],
}


def _pair() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port; a port that is free for one may be taken for the other."""
    for _ in range(100):
        tcp = socket.socket()
        tcp.bind(("127.0.0.1", 0))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(tcp.getsockname())
        except OSError:
            tcp.close()
            udp.close()
            continue
        return udp, tcp
    raise AssertionError("no free pair of ports")


class HostileServer(AbstractContextManager["HostileServer"]):
    """Answers every question by `mode`. `asked` counts names."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.asked: Counter[str] = Counter()
        self._closing = threading.Event()
        self._udp, self._tcp = _pair()
        self.port = self._udp.getsockname()[1]
        if mode != "truncated-no-tcp":
            self._tcp.listen(8)
        self.address = f"127.0.0.1:{self.port}"
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    def _serve_udp(self) -> None:
        while True:
            octets, peer = self._udp.recvfrom(4096)
            if self._closing.is_set():
                return
            query = dns.message.from_wire(octets)
            self.asked[query.question[0].name.to_text(omit_final_dot=True)] += 1
            if self.mode == "wrong-peer":
                self._forge(query, peer)
            for reply in UDP[self.mode](query):
                self._udp.sendto(reply, peer)

    def _forge(self, query, peer) -> None:
        """The right answer's form from an address that was not asked."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(_wire(_records(query, query.question[0].name, "TXT", '"forged"')), peer)

    def _serve_tcp(self) -> None:
        if self.mode == "truncated-no-tcp":
            return
        while True:
            connection, _ = self._tcp.accept()
            with connection:
                if self._closing.is_set():
                    return
                if self.mode == "tcp-closed":
                    continue
                self._one_tcp(connection)

    def _one_tcp(self, connection) -> None:
        octets = connection.recv(4096)
        query = dns.message.from_wire(octets[2:])
        strings = " ".join(f'"{"x" * 250}"' for _ in range(240))
        reply = _wire(_records(query, query.question[0].name, "TXT", strings))
        framed = struct.pack(">H", len(reply)) + reply
        if self.mode == "tcp-drip":
            connection.sendall(framed[:100])
            self._closing.wait(30)
            return
        connection.sendall(framed)

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        if self.mode != "truncated-no-tcp":
            socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()
