"""The AIMX/1 socket: one request per connection, the caller's uid from the kernel, a deadline for the frame.

Every client gets an answer, whatever it sends; nobody can use it up for the others. Knows no verb.
"""

import os
import socket
import stat
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from aimx import limits, log
from aimx.daemon.streams import Streams
from aimx.effects.memory import MemoryBudget
from aimx.errors import AimxError, Failed, ResourcesExhausted, StorageFailed, WireCode
from aimx.flows.answer import Answer, refusal
from aimx.model.caller import Caller
from aimx.wire import answers, codec
from aimx.wire.frames import Request, Response

Handle = Callable[[Request, Caller], Awaitable[Answer]]
Admit = Callable[[type[Request], Caller], None]
Attended = Callable[[type[Request]], bool]
_UCRED = struct.Struct("3i")
_MODE = 0o666  # guide: any local user may connect; authority is the peer's uid


class SocketServer:
    """Accepts local clients."""

    def __init__(
        self, path: Path, handle: Handle, memory: MemoryBudget, admit: Admit, attended: Attended = lambda _: False
    ) -> None:
        """`admit` raises an AimxError for a request that need not arrive whole to be refused.

        `attended`: what is asked for is of use only to who asks, and is given up when he is gone.
        """
        self._path = path
        self._handle = handle
        self._admit = admit
        self._attended = attended
        self._memory = memory
        self._use = Use()
        self._identity: tuple[int, ...] | None = None
        self._accepting = trio.CancelScope()
        self._working: set[Held] = set()
        self._finished = trio.Event()
        self._streams = Streams()

    def listen(self) -> list[trio.SocketListener]:
        """Bind, replacing a socket that nobody answers on. Raises: Failed, StorageFailed."""
        try:
            _runtime_directory(self._path.parent)
            _clear(self._path)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
            listener.bind(str(self._path))
            os.chmod(self._path, _MODE)
            listener.listen(limits.BACKLOG)
            found = self._path.stat()
        except OSError as error:
            raise StorageFailed(f"socket {self._path} cannot be created: {error.strerror or error}") from error
        self._identity = _identity(found)
        return [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]

    def connections_of(self, caller: Caller) -> int:
        """How many a caller has."""
        return self._use.connections_of(caller)

    def close(self) -> None:
        """Remove the socket file, unless it is somebody else's by now."""
        try:
            found = self._path.lstat()
            if _identity(found) == self._identity:
                self._path.unlink()
        except OSError as error:
            log.warning("socket-not-removed", path=str(self._path), why=error.strerror)

    async def run(self, listeners: list[trio.SocketListener]) -> None:
        """Accept until drained or cancelled."""
        async with trio.open_nursery() as beside:
            beside.start_soon(self._streams.run)
            async with trio.open_nursery() as nursery:
                with self._accepting:
                    await trio.serve_listeners(self.serve, listeners, handler_nursery=nursery)
            beside.cancel_scope.cancel()

    async def drain(self) -> None:
        """Accept nothing more and end streams; return when every whole request has its answer, or after DRAIN_S."""
        self._accepting.cancel()
        self._streams.end()
        with trio.move_on_after(limits.DRAIN_S):
            while self._working:
                self._finished = trio.Event()
                await self._finished.wait()

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection."""
        async with stream:
            try:
                await self._serve(stream)
            except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
                return  # the client is gone; what it asked for is done
            except Exception as error:  # noqa: BLE001  a shell: one request never ends the daemon
                log.error("request-failed", why=f"{type(error).__name__}: {error}")

    async def _serve(self, stream: trio.SocketStream) -> None:
        try:
            credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
        except OSError as error:
            reason = f"peer cred unavailable: {error.strerror}"
            await _send(stream, Response("error", code=WireCode.EACCES, reason=reason))
            return
        _, uid, gid = _UCRED.unpack(credentials)
        caller = Caller(uid, gid, operator_uid=os.geteuid())
        if not self._use.enter(caller):
            await _send(stream, Response("error", code=WireCode.TEMP, reason="too many connections, try again later"))
            await _drain(stream, limits.FRAME_REFUSED_DRAIN_S)
            return
        held = Held(self._use, self._memory, caller)
        try:
            answer = await self._respond(stream, caller, held)
            if answer is not None and answer.lines is None:
                await self._tell(stream, answer)
        finally:
            held.release()
            self._use.leave(caller)
            self._working.discard(held)
            self._finished.set()
        if answer is not None and answer.lines is not None:  # no longer a request: nobody waits for its end
            await self._streams.carry(stream, caller, answer.response, answer.lines)

    async def _tell(self, stream: trio.SocketStream, answer: Answer) -> None:
        try:
            await _send(stream, answer.response)
        finally:  # nor does a client that is gone stop what follows its answer
            if answer.afterwards is not None:
                with trio.CancelScope(shield=True):
                    await answer.afterwards()
        await _drain(stream)

    async def _respond(self, stream: trio.SocketStream, caller: Caller, held: "Held") -> Answer | None:
        try:
            with trio.fail_after(limits.FRAME_S):
                request = await self._read_request(stream, caller, held)
        except trio.TooSlowError:
            held.release()
            return Answer(_malformed("request timed out"))
        except AimxError as error:
            held.release()  # before the client has taken its refusal, so that not all of many frames are refused
            answer = refusal(error)
            return Answer(_malformed(answer.reason) if answer.code == WireCode.MALFORMED else answer)
        if request is None:
            return None
        self._working.add(held)
        try:
            if not self._attended(type(request)):
                return await self._handle(request, caller)
            with self._streams.awaited(stream):
                return await self._handle(request, caller)
            return None  # the client is gone
        except Exception as error:  # noqa: BLE001  a shell: no peer sees an exception
            log.error("verb-failed", verb=type(request).__name__, why=f"{type(error).__name__}: {error}")
            return Answer(refusal(error))

    async def _read_request(self, stream: trio.SocketStream, caller: Caller, held: "Held") -> Request | None:
        """One frame; None when the client left before its first octet."""
        parser = codec.RequestParser()
        admitted, first = False, True
        while True:
            octets = await stream.receive_some(limits.READ_OCTETS)
            if first and not octets:
                return None
            await held.add(len(octets))
            parser.feed(octets)
            request = parser.next_request()
            if not admitted and parser.announced is not None:
                self._admit(parser.announced, caller)
                admitted = True
            if request is not None:
                return request
            first = False


class Use:
    """Who uses how much of the socket: connections and octets, in all and by uid. Root always gets in."""

    def __init__(self) -> None:
        self._connections: Counter[int] = Counter()
        self._octets: Counter[int] = Counter()

    def enter(self, caller: Caller) -> bool:
        """Count a connection; False: it is one too many."""
        full = self._connections.total() >= limits.CLIENTS and not caller.is_root
        if full or self._connections[caller.uid] >= limits.CLIENTS_PER_UID:
            return False
        self._connections[caller.uid] += 1
        return True

    def connections_of(self, caller: Caller) -> int:
        """How many a caller has."""
        return self._connections[caller.uid]

    def leave(self, caller: Caller) -> None:
        """The connection is over."""
        self._connections[caller.uid] -= 1
        self._connections += Counter()  # drops the zeros

    def hold(self, caller: Caller, octets: int, before: int = 0) -> None:
        """Count octets of a frame that have arrived; a small frame always may. `before`: what it had until now.

        Raises: ResourcesExhausted.
        """
        small = before + octets <= limits.FRAME_SMALL_OCTETS
        full = self._octets.total() + octets > limits.FRAMES_OCTETS and not caller.is_root
        if not small and (full or self._octets[caller.uid] + octets > limits.FRAMES_OCTETS_PER_UID):
            raise ResourcesExhausted("too much data at once, try again later")
        self._octets[caller.uid] += octets

    def give(self, caller: Caller, octets: int) -> None:
        """They are no longer held."""
        self._octets[caller.uid] -= octets
        self._octets += Counter()


class Held:
    """The octets of one frame, counted as they arrive."""

    def __init__(self, use: Use, memory: MemoryBudget, caller: Caller) -> None:
        self._use = use
        self._memory = memory
        self._caller = caller
        self._octets = 0

    async def add(self, octets: int) -> None:
        """More has arrived. Raises: ResourcesExhausted."""
        self._use.hold(self._caller, octets, self._octets)
        try:
            await self._memory.take(octets)
        except BaseException:
            self._use.give(self._caller, octets)
            raise
        self._octets += octets

    def release(self) -> None:
        """The frame is answered."""
        self._use.give(self._caller, self._octets)
        self._memory.give(self._octets)
        self._octets = 0


def _malformed(reason: str) -> Response:
    return Response("error", code=WireCode.MALFORMED, reason=f"malformed request: {reason}")


async def _send(stream: trio.SocketStream, response: Response) -> None:
    with trio.move_on_after(limits.FRAME_S):
        await stream.send_all(answers.encode_response(response))
        await stream.send_eof()


async def _drain(stream: trio.SocketStream, seconds: float = limits.FRAME_DRAIN_S) -> None:
    """Read what the client still sends, bounded, so that it sees the answer and not a reset."""
    left = limits.FRAME_DRAIN_OCTETS
    with trio.move_on_after(seconds):
        while left > 0:
            octets = await stream.receive_some(limits.READ_OCTETS)
            if not octets:
                return
            left -= len(octets)


def _runtime_directory(path: Path) -> None:
    if not path.exists():
        path.mkdir(parents=True)
        path.chmod(0o755)  # guide: every local user reaches the socket, whatever the umask


def _identity(found: os.stat_result) -> tuple[int, ...]:
    """Which file it is; the number of one that is gone is given to the next."""
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _clear(path: Path) -> None:
    """Make room for our socket, taking nothing that is in use or no socket. Raises: Failed."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise Failed(f"{path} is no socket; remove it")
    if _answers(path):
        raise Failed(f"another daemon answers on {path}")
    path.unlink()


def _answers(path: Path) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(limits.CLIENT_CONNECT_S)
    try:
        probe.connect(str(path))
    except ConnectionRefusedError:
        return False
    except (BlockingIOError, TimeoutError):
        return True  # its queue is full, so it is one
    finally:
        probe.close()
    return True
