"""Accept SMTP connections: every session a task with its own scope, caps on how many, a graceful end."""

import select
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

import trio

from aimx import limits, log, replies
from aimx.daemon.ownmail import OwnConnections
from aimx.daemon.smtpd import Services, SmtpSession
from aimx.effects import tcp
from aimx.effects.acceptlog import AcceptLog
from aimx.replies import SmtpReply


class SmtpListener:
    """The listening socket and its sessions. `ceiling` is what the descriptors of this process allow.

    `own`: a session with ourselves stands for one from our public address. None: there are none.
    """

    def __init__(
        self,
        sock: socket.socket,
        services: Services,
        tls: Callable[[], ssl.SSLContext | None],
        own: OwnConnections | None = None,
    ) -> None:
        self.address = "{}:{}".format(*sock.getsockname()[:2])
        sock.setblocking(False)
        self._socket = sock
        self._services = services
        self._tls = tls
        self._own = own
        self.ceiling = limits.CONNECTIONS_MAX
        self._count = 0
        self._per_peer: Counter[str] = Counter()
        self._sessions: set[SmtpSession] = set()
        self._accepting = trio.CancelScope()
        self._ended = trio.Event()
        self._refused_at: dict[SmtpReply, float] = {}

    @property
    def sessions(self) -> int:
        """How many there are."""
        return self._count

    async def serve(self) -> None:
        """Accept until cancelled or drained."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._socket))
        with AcceptLog():
            async with trio.open_nursery() as nursery:
                with self._accepting:
                    await trio.serve_listeners(self._session, [listener], handler_nursery=nursery)

    async def drain(self) -> None:
        """Accept nothing more, end idle sessions now, and wait for messages on their way; after DRAIN_S cut them."""
        self._accepting.cancel()
        for session in tuple(self._sessions):
            session.stop()
        with trio.move_on_after(limits.DRAIN_S):
            await self._all_ended()
        for session in tuple(self._sessions):
            session.cut()
        with trio.move_on_after(limits.FAREWELL_S):
            await self._all_ended()

    async def _all_ended(self) -> None:
        while self._count:
            self._ended = trio.Event()
            await self._ended.wait()

    async def _session(self, stream: trio.SocketStream) -> None:
        peer = _peer_ip(stream)
        ours = self._own if self._own is not None and self._own.includes(_peer_name(stream)) else None
        refusal = self._refusal(peer, ours is not None) or (replies.EARLY_TALKER if _talks_early(stream) else None)
        if refusal is not None:
            await self._refuse(stream, peer, refusal)
            return
        self._count += 1
        self._per_peer[peer] += 1
        try:
            async with tcp.adopt(stream) as connection:
                stands_for = await ours.public_address() if ours is not None else None
                await self._serve(connection, stands_for or peer)
        except Exception as error:  # noqa: BLE001  one session never takes the listener down
            log.error("smtp-session", peer=peer, why=f"{type(error).__name__}: {error}")
        finally:
            self._count -= 1
            self._per_peer[peer] -= 1
            if not self._per_peer[peer]:
                del self._per_peer[peer]
            self._ended.set()

    async def _serve(self, stream: trio.abc.HalfCloseableStream, peer: str) -> None:
        session = SmtpSession(stream, peer, self._services, self._tls())
        self._sessions.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)

    def _refusal(self, peer: str, ours: bool) -> SmtpReply | None:
        config = self._services.config()
        if self._accepting.cancel_called:
            return replies.SHUTTING_DOWN
        if self._count >= min(config.max_connections, self.ceiling):
            return replies.TOO_MANY_CONNECTIONS
        exempt = ours or ip_address(peer).is_loopback
        if self._per_peer[peer] >= config.max_connections_per_peer and not exempt:
            return replies.TOO_MANY_FROM_PEER
        return None

    async def _refuse(self, stream: trio.SocketStream, peer: str, reply: SmtpReply) -> None:
        now = trio.current_time()
        if now - self._refused_at.get(reply, -limits.LOG_REPEAT_S) >= limits.LOG_REPEAT_S:
            self._refused_at[reply] = now
            log.warning("connection-refused", peer=peer, reply=reply.line, connections=self._count)
        async with stream:
            with trio.move_on_after(limits.LINGER_S):
                try:
                    await stream.send_all(f"{reply.line}\r\n".encode())
                except trio.BrokenResourceError:
                    return


def _peer_ip(stream: trio.SocketStream) -> str:
    try:
        host = str(stream.socket.getpeername()[0])
    except OSError:
        return "0.0.0.0"
    address = ip_address(host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def _peer_name(stream: trio.SocketStream) -> tuple[str, int]:
    try:
        host, port = stream.socket.getpeername()[:2]
    except OSError:
        return "", 0
    return str(host), int(port)


def _talks_early(stream: trio.SocketStream) -> bool:
    """Whether anything arrived before our greeting, which no mail server sends: a temporary refusal, and the end."""
    poll = select.poll()
    poll.register(stream.socket.fileno(), select.POLLIN)
    return bool(poll.poll(0))
