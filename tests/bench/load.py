"""The load: a process of its own on raw sockets, told what to do by one line of JSON on stdin.

Envelope commands are pipelined (RFC 2920), as Postfix does. It prints `ready` when its connections stand, starts its
clock at the next line of stdin, and prints figures as JSON.
"""

import json
import resource
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.bench.corpus import MAILBOXES, SENDER
from tests.bench.table import quantile
from tests.harness import DOMAIN


class Plan(NamedTuple):
    """What one run sends. mode: `kept`, `fresh` (a connection per mail). `pause`: hold connections, send nothing.

    `rate`: messages per second, evenly; 0: as fast as they are taken. `mark`: every message answers one of that name,
    which its file then tells (`marked`).
    """

    port: int
    corpus: str
    senders: int
    count: int
    mode: str = "kept"
    tls: bool = False
    pipelined: bool = True
    rate: float = 0.0
    mark: str = ""


def marked(mark: str, index: int) -> str:
    """The Message-ID that a message with a mark answers, without its brackets. The header is no part of a signature."""
    return f"{mark}.{index}@marks.test"


class Peer:
    """One SMTP connection."""

    def __init__(self, port: int, tls: bool) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._expect(1, b"2")
        self.command(b"EHLO client.test\r\n")
        if tls:
            self.command(b"STARTTLS\r\n")
            self.sock = _CLIENT_TLS.wrap_socket(self.sock)
            self.command(b"EHLO client.test\r\n")

    def command(self, line: bytes, reply: bytes = b"2") -> None:
        """One command, and what its reply begins with. Raises: ConnectionError at another."""
        self.sock.sendall(line)
        self._expect(1, reply)

    def _expect(self, replies: int, last: bytes) -> None:
        buffer = b""
        while True:
            piece = self.sock.recv(4096)
            if not piece:
                raise ConnectionError(f"closed after {buffer!r}")
            buffer += piece
            if buffer.endswith(b"\r\n"):
                finals = [line for line in buffer.split(b"\r\n") if line[3:4] == b" "]
                if len(finals) >= replies:
                    if not finals[-1].startswith(last):
                        raise ConnectionError(repr(buffer))
                    return

    def begin(self, rcpt: str, pipelined: bool = True) -> None:
        """A transaction until the content is asked for."""
        lines = [f"MAIL FROM:<bench@{SENDER}>\r\n", f"RCPT TO:<{rcpt}@{DOMAIN}>\r\n", "DATA\r\n"]
        if pipelined:
            self.sock.sendall("".join(lines).encode())
            self._expect(3, b"3")
        else:
            for line in lines:
                self.sock.sendall(line.encode())
                self._expect(1, b"3" if line == "DATA\r\n" else b"2")

    def send(self, rcpt: str, wire: bytes, pipelined: bool = True) -> None:
        """One transaction."""
        self.begin(rcpt, pipelined)
        self.sock.sendall(wire)
        self._expect(1, b"2")

    def quit(self) -> None:
        """End politely."""
        self.command(b"QUIT\r\n")
        self.sock.close()


def _client_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


_CLIENT_TLS = _client_context()


def _sender(plan: Plan, number: int, wires: list[bytes], peer: Peer | None, latencies: list[float]) -> None:
    begun = time.monotonic()
    for index in range(number, plan.count, plan.senders):
        if plan.rate:
            time.sleep(max(0.0, begun + index / plan.rate - time.monotonic()))
        started = time.monotonic()
        current = Peer(plan.port, plan.tls) if peer is None else peer
        head = f"In-Reply-To: <{marked(plan.mark, index)}>\r\n".encode() if plan.mark else b""
        current.send(MAILBOXES[index % len(MAILBOXES)], head + wires[index % len(wires)], plan.pipelined)
        latencies.append(time.monotonic() - started)
        if peer is None:
            current.quit()


def run(plan: Plan) -> dict[str, float]:
    """One timed run: seconds of wall time, own CPU seconds; median, 99th percentile and worst latency."""
    messages: list[bytes] = msgspec.msgpack.decode(Path(plan.corpus).read_bytes())
    wires = [message + b".\r\n" for message in messages]
    peers = [Peer(plan.port, plan.tls) if plan.mode == "kept" else None for _ in range(plan.senders)]
    latencies: list[float] = []
    threads = [
        threading.Thread(target=_sender, args=(plan, number, wires, peer, latencies))
        for number, peer in enumerate(peers)
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall = time.monotonic() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    for peer in peers:
        if peer is not None:
            peer.quit()  # a peer that vanishes after its last 250 would have it taken for unseen (R5)
    latencies.sort()
    return {
        "wall": wall,
        "sent": len(latencies),
        "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "median": latencies[len(latencies) // 2],
        "p99": quantile(latencies, 0.99),
        "worst": latencies[-1],
    }


def hold(plan: Plan) -> dict[str, float]:
    """Open `senders` connections and keep them idle until stdin says otherwise."""
    peers = [Peer(plan.port, plan.tls) for _ in range(plan.senders)]
    print("ready", flush=True)
    sys.stdin.readline()
    for peer in peers:
        peer.sock.close()
    return {"held": len(peers)}


if __name__ == "__main__":
    wanted = Plan(**json.loads(sys.stdin.readline()))
    print(json.dumps(hold(wanted) if wanted.mode == "hold" else run(wanted)), flush=True)
