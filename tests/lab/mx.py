"""Remote mail servers for a test, in its own trio nursery: scripted sockets, and stock aiosmtpd by trio-asyncio.

Each has a loopback address of its own and all have the same port. A script replaces what a well-behaved server does at
one moment: a reply to send, or something to do with the connection.
"""

import ssl
import struct
import warnings
from collections import defaultdict
from collections.abc import Awaitable, Callable
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

import trio

Act = Callable[["Peer"], Awaitable[None]]
Script = dict[str, bytes | Act]
_MOST_LINES = 100_000

PLAIN: Script = {
    "connect": b"220 mx.test ESMTP\r\n",
    "EHLO": b"250-mx.test\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 30000000\r\n",
    "HELO": b"250 mx.test\r\n",
    "MAIL": b"250 2.1.0 ok\r\n",
    "RCPT": b"250 2.1.5 ok\r\n",
    "DATA": b"354 go ahead\r\n",
    ".": b"250 2.0.0 taken\r\n",
    "RSET": b"250 2.0.0 ok\r\n",
    "QUIT": b"221 2.0.0 bye\r\n",
}


class Seen:
    """What one server has seen: connections, verbs in order, messages whose final dot came, whether in TLS."""

    def __init__(self) -> None:
        self.connections = 0
        self.verbs: list[str] = []
        self.messages: list[bytes] = []
        self.secure: list[bool] = []


class Peer:
    """One connection to a scripted server."""

    def __init__(self, stream: trio.SocketStream, seen: Seen) -> None:
        self.raw = stream
        self.stream: trio.abc.Stream = stream
        self.seen = seen
        self._buffer = b""

    async def line(self) -> bytes:
        """The next line with its LF; empty at the end."""
        while b"\n" not in self._buffer:
            octets = await self.stream.receive_some(65536)
            if not octets:
                return b""
            self._buffer += octets
        line, mark, self._buffer = self._buffer.partition(b"\n")
        return line + mark

    async def say(self, octets: bytes) -> None:
        """Send."""
        await self.stream.send_all(octets)

    async def to_tls(self, context: ssl.SSLContext) -> None:
        """The handshake; nothing buffered in clear survives."""
        secure = trio.SSLStream(self.raw, context, server_side=True, https_compatible=True)
        await secure.do_handshake()
        self.stream, self._buffer = secure, b""


async def close(peer: Peer) -> None:
    """End the connection politely."""
    await peer.raw.aclose()


async def reset(peer: Peer) -> None:
    """End it with RST."""
    peer.raw.socket.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    await peer.raw.aclose()


async def silence(peer: Peer) -> None:
    """Read and say nothing until the client leaves."""
    while await peer.stream.receive_some(65536):
        pass


def endless(octets: bytes) -> Act:
    """Say the same for ever; the client has to leave."""

    async def act(peer: Peer) -> None:
        while True:
            await peer.say(octets)

    return act


def drip(octets: bytes) -> Act:
    """A reply in pieces of one octet."""

    async def act(peer: Peer) -> None:
        for octet in octets:
            await peer.say(bytes([octet]))

    return act


def tarpit(octets: bytes, every_s: float) -> Act:
    """Say the same at intervals, for ever: there is always something new to read."""

    async def act(peer: Peer) -> None:
        while True:
            await peer.say(octets)
            await trio.sleep(every_s)

    return act


def late(octets: bytes, after_s: float) -> Act:
    """The right reply, after a while."""

    async def act(peer: Peer) -> None:
        await trio.sleep(after_s)
        await peer.say(octets)

    return act


def then(octets: bytes, act: Act) -> Act:
    """Say something first."""

    async def both(peer: Peer) -> None:
        await peer.say(octets)
        await act(peer)

    return both


def secure(context: ssl.SSLContext, before: bytes = b"220 2.0.0 go ahead\r\n") -> Act:
    """Answer STARTTLS and do it."""

    async def act(peer: Peer) -> None:
        await peer.say(before)
        await peer.to_tls(context)

    return act


def offering_tls(act: bytes | Act) -> Script:
    """A server that offers STARTTLS and answers it like this."""
    return {"EHLO": b"250-mx.test\r\n250-STARTTLS\r\n250 SIZE 30000000\r\n", "STARTTLS": act}


async def serve(script: Script, seen: Seen, stream: trio.SocketStream) -> None:
    """One connection by the script; whatever the client does ends only this connection."""
    seen.connections += 1
    peer = Peer(stream, seen)
    try:
        async with stream:
            await _converse({**PLAIN, **script}, peer)
    except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
        return


async def _converse(script: Script, peer: Peer) -> None:
    await _do(script["connect"], peer)
    for _ in range(_MOST_LINES):
        line = await peer.line()
        if not line:
            return
        verb = line.split(b":")[0].split()[0].decode("ascii", "replace").upper() if line.strip() else ""
        peer.seen.verbs.append(verb)
        await _do(script.get(verb, b"500 5.5.2 what?\r\n"), peer)
        if verb == "QUIT":
            return
        if verb == "DATA" and script["DATA"] is PLAIN["DATA"]:
            if not await _take(peer):
                return
            await _do(script["."], peer)


async def _take(peer: Peer) -> bool:
    """A message up to its final dot; False: the client left before."""
    lines = []
    for _ in range(_MOST_LINES):
        line = await peer.line()
        if line == b".\r\n":
            peer.seen.messages.append(b"".join(lines))
            peer.seen.secure.append(peer.stream is not peer.raw)
            return True
        if not line:
            return False
        lines.append(line[1:] if line.startswith(b".") else line)
    return False


async def _do(what: bytes | Act, peer: Peer) -> None:
    if isinstance(what, bytes):
        await peer.say(what)
    else:
        await what(peer)


class Handler:
    """A handler of stock aiosmtpd: `replies` by hook (`MAIL`, `RCPT`, `DATA`); RCPT by local part where it has one."""

    def __init__(self, seen: Seen, replies: dict[str, str]) -> None:
        self._seen = seen
        self._replies = replies

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Reverse-path."""
        self._seen.verbs.append("MAIL")
        envelope.mail_from = address
        return self._replies.get("MAIL", "250 2.1.0 ok")

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        """Forward-path; a refused one is not kept."""
        self._seen.verbs.append("RCPT")
        reply = self._replies.get(address.partition("@")[0], self._replies.get("RCPT", "250 2.1.5 ok"))
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
        return reply

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """The message after its final dot."""
        self._seen.messages.append(envelope.original_content)
        self._seen.secure.append(session.ssl is not None)
        return self._replies.get("DATA", "250 2.0.0 taken")


class Fleet:
    """All servers of a test. `address` of each by name; `seen` what came."""

    def __init__(self, nursery: trio.Nursery, port: int) -> None:
        self._nursery = nursery
        self.port = port
        self.addresses: dict[str, str] = {}
        self.seen: dict[str, Seen] = defaultdict(Seen)
        self._stock: list[Any] = []

    def close(self) -> None:
        """Stop listening where asyncio does; the others end with the nursery."""
        for server in self._stock:
            server.close()

    def absent(self, name: str) -> str:
        """An address where nothing listens."""
        number = len(self.addresses)
        self.addresses[name] = f"127.0.{1 + number // 250}.{1 + number % 250}"
        return self.addresses[name]

    async def scripted(self, name: str, script: Script) -> None:
        """A server of ours."""
        seen = self.seen[name]
        listeners = await trio.open_tcp_listeners(self.port, host=self.absent(name), backlog=16)

        async def one(stream: trio.SocketStream) -> None:
            await serve(script, seen, stream)

        self._nursery.start_soon(trio.serve_listeners, one, listeners)

    async def stock(self, loop: Any, name: str, replies: dict[str, str], **options: Any) -> None:
        """aiosmtpd as it is, on a trio-asyncio loop."""
        from aiosmtpd.smtp import SMTP

        seen = self.seen[name]
        handler = Handler(seen, replies)

        def factory() -> SMTP:
            seen.connections += 1
            return SMTP(handler, hostname="stock.test", ident="stock", enable_SMTPUTF8=True, loop=loop, **options)

        host = self.absent(name)
        self._stock.append(await loop.run_aio_coroutine(loop.create_server(factory, host=host, port=self.port)))


def asyncio_loop() -> Any:
    """trio-asyncio's loop as a context manager. Raises: ImportError where it cannot be had (Python 3.14)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of asyncio's child watchers, at import
        import trio_asyncio
    return trio_asyncio.open_loop()
