"""Accept SMTP connections: every session a task with its own scope, caps on how many, a graceful end."""

import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address

import trio

from aimx import limits, log, replies
from aimx.daemon.smtpd import Deliver, SmtpSession
from aimx.model.config import Config
from aimx.replies import SmtpReply


class SmtpListener:
    """The listening socket and its sessions."""

    def __init__(
        self, sock: socket.socket, config: Callable[[], Config], deliver: Deliver, tls: ssl.SSLContext | None
    ) -> None:
        self.address = "{}:{}".format(*sock.getsockname()[:2])
        sock.setblocking(False)
        self._socket = sock
        self._config = config
        self._deliver = deliver
        self._tls = tls
        self._count = 0
        self._per_peer: Counter[str] = Counter()
        self._stopping = trio.Event()
        self._idle = trio.Event()

    async def serve(self) -> None:
        """Accept until cancelled or drained."""
        listener = trio.SocketListener(trio.socket.from_stdlib_socket(self._socket))
        async with trio.open_nursery() as nursery, trio.open_nursery() as accepting:
            accepting.start_soon(self._stop, accepting.cancel_scope)
            await trio.serve_listeners(self._session, [listener], handler_nursery=nursery)

    async def _stop(self, scope: trio.CancelScope) -> None:
        await self._stopping.wait()
        scope.cancel()

    async def drain(self) -> None:
        """Stop accepting and wait for the sessions to end."""
        self._stopping.set()
        while self._count:
            self._idle = trio.Event()
            await self._idle.wait()

    async def _session(self, stream: trio.SocketStream) -> None:
        peer = _peer_ip(stream)
        refusal = self._refusal(peer)
        self._count += 1
        self._per_peer[peer] += 1
        try:
            async with stream:
                if refusal is not None:
                    await _say(stream, refusal)
                    return
                with trio.move_on_after(limits.SESSION_S):
                    await SmtpSession(stream, peer, self._config, self._deliver, self._tls, time.time).run()
        except Exception as error:  # noqa: BLE001  one session never takes the listener down
            log.error("smtp-session", peer=peer, why=f"{type(error).__name__}: {error}")
        finally:
            self._count -= 1
            self._per_peer[peer] -= 1
            if not self._per_peer[peer]:
                del self._per_peer[peer]
            self._idle.set()

    def _refusal(self, peer: str) -> SmtpReply | None:
        config = self._config()
        if self._count >= config.max_connections:
            return replies.TOO_MANY_CONNECTIONS
        if self._per_peer[peer] >= config.max_connections_per_peer and not ip_address(peer).is_loopback:
            return replies.TOO_MANY_FROM_PEER
        return None


async def _say(stream: trio.SocketStream, reply: SmtpReply) -> None:
    with trio.move_on_after(limits.GREETING_S):
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
