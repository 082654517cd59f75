"""The service: two listeners, a task for each connection, an end on SIGTERM. Holds nothing that outlives it."""

import contextlib
import os
import signal
import socket
from collections.abc import Awaitable, Callable

import trio

from aimx import limits, log
from aimx.effects import tcp
from aimx.effects.acceptlog import AcceptLog
from aimx.errors import Failed
from aimx.flows.responding import Responding
from aimx.policy import internet
from aimx.smtp.responder import Responder
from aimx.verifier.caller import share
from aimx.verifier.gate import Full, Gate
from aimx.verifier.routes import Routes
from aimx.verifier.settings import Endpoint, Settings

Serve = Callable[[tcp.TcpStream, str], Awaitable[None]]


async def serve(settings: Settings) -> None:
    """Until SIGTERM or SIGINT; then probes under way get a little time. Raises: Failed."""
    web = _bound(settings.web, "BIND_ADDR")
    try:
        smtp = _bound(settings.smtp, "SMTP_BIND_ADDR")
    except BaseException:
        web.close()
        raise
    if os.geteuid() == 0:
        log.warning("running-as-root", what="it needs no more than CAP_NET_BIND_SERVICE")
    log.info("verifier-started", http=_where(web), smtp=_where(smtp), name=settings.name)
    routes = Routes(settings)
    words = Responder(settings.name, "SMTP aimx-verifier", "500 Command not recognized")
    responding = Responding(words, settings.smtp_concurrent)

    async def greet(stream: tcp.TcpStream, _peer: str) -> None:
        await responding.session(stream)

    doors = (
        Door(web, routes.serve, Gate(limits.VERIFIER_CONNECTIONS, limits.VERIFIER_CONNECTIONS_PER_CALLER)),
        Door(smtp, greet, Gate(settings.smtp_concurrent, limits.VERIFIER_SMTP_SESSIONS_PER_CALLER)),
    )
    with AcceptLog(), trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as asking, trio.open_nursery() as greeting, trio.open_nursery() as accepting:
            accepting.start_soon(doors[0].accept, asking)
            accepting.start_soon(doors[1].accept, greeting)
            async for number in signals:
                log.info("verifier-stopping", signal=signal.Signals(number).name)
                break
            accepting.cancel_scope.cancel()
            greeting.cancel_scope.cancel()
            routes.stop()
            asking.cancel_scope.deadline = trio.current_time() + limits.VERIFIER_DRAIN_S


class Door:
    """One listener: who comes in, and how many."""

    def __init__(self, sock: socket.socket, serve: Serve, gate: Gate) -> None:
        self._listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
        self._serve = serve
        self._gate = gate

    async def accept(self, sessions: trio.Nursery) -> None:
        """Until it is cancelled; then nobody new gets in."""
        async with self._listener:
            await trio.serve_listeners(self._one, [self._listener], handler_nursery=sessions)

    async def _one(self, accepted: trio.SocketStream) -> None:
        """Whoever finds no place is turned away without a word, which costs least."""
        peer = _peer(accepted)
        async with tcp.adopt(accepted) as stream:
            try:
                with self._gate.place(_share(peer)):
                    await self._serve(stream, peer)
            except Full:
                return
            except Exception as error:  # noqa: BLE001  one peer never takes the service down
                log.error("connection-failed", ip=peer, why=f"{type(error).__name__}: {error}")


def _share(peer: str) -> str | None:
    """A proxy on this host stands for many."""
    address = internet.parse(peer)
    return None if address is None or address.is_loopback else share(address)


def _peer(stream: trio.SocketStream) -> str:
    """Empty for one that has gone before it was looked at."""
    with contextlib.suppress(OSError):
        address = internet.parse(str(stream.socket.getpeername()[0]).partition("%")[0])
        return str(address) if address is not None else ""
    return ""


def _bound(endpoint: Endpoint, variable: str) -> socket.socket:
    six = ":" in endpoint.address
    sock = None
    try:
        sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind((endpoint.address, endpoint.port))
        sock.listen(limits.VERIFIER_BACKLOG)
        sock.setblocking(False)
    except OSError as error:
        if sock is not None:
            sock.close()
        hint = "; it needs CAP_NET_BIND_SERVICE for that" if isinstance(error, PermissionError) else ""
        raise Failed(f"cannot listen on {endpoint} ({variable}): {error.strerror}{hint}") from error
    return sock


def _where(sock: socket.socket) -> Endpoint:
    return Endpoint(*sock.getsockname()[:2])
