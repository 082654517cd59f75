"""TCP connections to other hosts and TLS on them; how many at once. Knows no mail, and never chooses an address."""

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import trio

from aimx import limits
from aimx.effects import tcp
from aimx.effects.api import ConnectFailed, TlsFailed


class TcpNetwork:
    """Implements effects.api.Network. One for the whole process: it counts places and knows its own connections."""

    def __init__(self) -> None:
        self._tls = _context()
        self._all = trio.CapacityLimiter(limits.MX_CONNECTIONS)
        self._senders = _Limiters(limits.MX_CONNECTIONS_PER_SENDER)
        self._destinations = _Limiters(limits.MX_CONNECTIONS_PER_DESTINATION)
        self._own: set[tuple[str, int]] = set()

    @asynccontextmanager
    async def place(self, sender: str, destination: str) -> AsyncIterator[None]:
        """A place for one connection at a time, always asked for in this order: nobody waits in a circle."""
        async with AsyncExitStack() as held:
            await held.enter_async_context(self._senders.place(sender))
            await held.enter_async_context(self._destinations.place(destination))
            await held.enter_async_context(self._all)
            yield

    @asynccontextmanager
    async def connect(self, address: str, port: int, own: bool) -> AsyncIterator[trio.abc.Stream]:
        """A connection to exactly this address, closed at the end. Raises: ConnectFailed."""
        ours: tuple[str, int] | None = None
        try:
            # No descriptor left, or a kernel without IPv6: nothing that another address could not do better.
            with trio.socket.socket(_family(address), socket.SOCK_STREAM) as sock:
                if own:
                    # The listener may see the connection before `connect` returns here, so its name is known before.
                    await sock.bind((address, 0))
                    ours = _named(sock.getsockname())
                    self._own.add(ours)
                await sock.connect((address, port))
                stream = tcp.adopt(trio.SocketStream(sock))
        except OSError as error:
            self._own.discard(ours or ("", 0))
            raise ConnectFailed(error.strerror or str(error)) from error
        except BaseException:
            self._own.discard(ours or ("", 0))
            raise
        try:
            yield stream
        finally:
            # Before the port is free for somebody else.
            self._own.discard(ours or ("", 0))
            await trio.aclose_forcefully(stream)

    def is_own(self, peer: tuple[str, int]) -> bool:
        """Whether the other end of a connection from this address and port is one of ours."""
        return peer in self._own

    async def start_tls(self, stream: trio.abc.Stream, host: str) -> trio.abc.Stream:
        """Encrypt without asking who the peer is (RFC 7435). Raises: TlsFailed."""
        return await handshake(stream, self._tls, host)


class _Limiters:
    """A limiter for each key that is in use."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._used: dict[str, tuple[trio.CapacityLimiter, int]] = {}

    @asynccontextmanager
    async def place(self, key: str) -> AsyncIterator[None]:
        limiter, users = self._used.get(key) or (trio.CapacityLimiter(self._most), 0)
        self._used[key] = limiter, users + 1
        try:
            async with limiter:
                yield
        finally:
            limiter, users = self._used.pop(key)
            if users > 1:
                self._used[key] = limiter, users - 1


async def handshake(stream: trio.abc.Stream, context: ssl.SSLContext, host: str) -> trio.abc.Stream:
    """The client's side of TLS. Raises: TlsFailed."""
    try:
        secure = trio.SSLStream(stream, context, server_hostname=host)
        await secure.do_handshake()
    except (trio.BrokenResourceError, trio.ClosedResourceError, ssl.SSLError, ValueError) as error:
        raise TlsFailed(str(error.__cause__ or error) or "connection closed") from error
    return secure


def _context() -> ssl.SSLContext:
    """TLS 1.2 or later (RFC 8996), without certificates: a stranger in the middle could suppress STARTTLS anyway."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The alternative to a weak key is none at all.
    context.set_ciphers("DEFAULT:@SECLEVEL=1")
    return context


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _named(name: tuple[object, ...]) -> tuple[str, int]:
    host, port = name[0], name[1]
    assert isinstance(host, str) and isinstance(port, int)
    return host, port
