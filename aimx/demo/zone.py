"""A small loopback DNS server over a table of names: the demo's and the tests' world, answered by real packets."""

import socket
import socketserver
import struct
import threading
from collections.abc import Mapping

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

Zone = Mapping[str, Mapping[str, list[str]]]
_TTL_S = 60
_PORT_ATTEMPTS = 50


def answer(zone: Zone, query: dns.message.Message) -> dns.message.Message:
    """The authoritative answer: records, aliases followed within the zone, NODATA, or NXDOMAIN.

    TXT values are given without quotes, of any length. Of three types that are none, `DELEGATED` lists the servers of a
    name that others answer for, `RCODE` is an error code for every question about a name and what is below it, and
    `BOGUS` one that is given to whoever does not turn validation off.
    """
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA | dns.flags.RA
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True).lower()
    above = [".".join(name.split(".")[at:]) for at in range(name.count(".") + 1)]
    code = next((zone[one]["RCODE"][0] for one in above if "RCODE" in zone.get(one, {})), None)
    if code is None and not query.flags & dns.flags.CD:
        code = next((zone[one]["BOGUS"][0] for one in above if "BOGUS" in zone.get(one, {})), None)
    delegated = next((one for one in above if "DELEGATED" in zone.get(one, {})), None)
    if code is not None:
        response.flags &= ~dns.flags.AA
        response.set_rcode(dns.rcode.from_text(code))
    elif delegated is not None:
        _refer(zone, delegated, response)
    elif name not in zone:
        known = any(other.endswith("." + name) for other in zone)
        response.set_rcode(dns.rcode.NOERROR if known else dns.rcode.NXDOMAIN)
    else:
        _tell(zone, name, dns.rdatatype.to_text(question.rdtype), response)
    return response


def _tell(zone: Zone, name: str, rtype: str, response: dns.message.Message) -> None:
    for _ in range(len(zone)):
        kind = "CNAME" if "CNAME" in zone.get(name, {}) else rtype
        records = zone.get(name, {}).get(kind, [])
        if not records:
            return
        texts = [_txt(record) if kind == "TXT" else record for record in records]
        response.answer.append(dns.rrset.from_text(f"{name}.", _TTL_S, "IN", kind, *texts))
        if kind == rtype:
            return
        name = records[0].removesuffix(".").lower()


def _refer(zone: Zone, name: str, response: dns.message.Message) -> None:
    response.flags &= ~dns.flags.AA
    hosts = zone[name]["DELEGATED"]
    response.authority.append(dns.rrset.from_text(f"{name}.", _TTL_S, "IN", "NS", *hosts))
    for host in hosts:
        addresses = zone.get(host.removesuffix("."), {}).get("A", [])
        if addresses:
            response.additional.append(dns.rrset.from_text(host, _TTL_S, "IN", "A", *addresses))


def _txt(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    pieces = [escaped[start : start + 200] for start in range(0, len(escaped), 200)] or [""]
    return " ".join(f'"{piece}"' for piece in pieces)


class ZoneServer:
    """Answers on UDP and TCP at `address` from background threads until closed. `queries` counts questions."""

    def __init__(self, zone: Zone, host: str = "127.0.0.1", port: int = 0) -> None:
        """`port` 0: one that is free."""
        self.zone = zone
        self.queries = 0
        outer = self

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                octets, sock = self.request
                sock.sendto(outer._respond(octets, udp=True), self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                (length,) = struct.unpack(">H", self.rfile.read(2))
                reply = outer._respond(self.rfile.read(length), udp=False)
                self.wfile.write(struct.pack(">H", len(reply)) + reply)

        self._udp, self._tcp = _one_port((host, port), Udp, Tcp)
        self.address = f"{host}:{self._udp.server_address[1]}"
        for server in (self._udp, self._tcp):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def _respond(self, octets: bytes, udp: bool) -> bytes:
        self.queries += 1
        query = dns.message.from_wire(octets)
        reply = answer(self.zone, query)
        if udp and len(reply.to_wire(max_size=65_535)) > 1232:
            reply = dns.message.make_response(query)
            reply.flags |= dns.flags.TC
        return reply.to_wire(max_size=65_535)

    def close(self) -> None:
        """Stop answering."""
        for server in (self._udp, self._tcp):
            server.shutdown()
            server.server_close()


def _one_port(
    address: tuple[str, int], udp: type[socketserver.BaseRequestHandler], tcp: type[socketserver.BaseRequestHandler]
) -> tuple[socketserver.UDPServer, socketserver.ThreadingTCPServer]:
    """A free port of both protocols; one that is free for UDP may be somebody's TCP port. Raises: OSError."""
    for _ in range(_PORT_ATTEMPTS):
        datagrams = socketserver.UDPServer(address, udp)
        streams = socketserver.ThreadingTCPServer(datagrams.server_address, tcp, bind_and_activate=False)
        streams.daemon_threads = True
        try:
            streams.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            streams.server_bind()
            streams.server_activate()
        except OSError:
            datagrams.server_close()
            streams.server_close()
            continue
        return datagrams, streams
    raise OSError(f"no port of {address[0]} is free for both UDP and TCP")
