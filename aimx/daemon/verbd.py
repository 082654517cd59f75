"""The AIMX/1 socket: one request per connection, the caller's uid from the kernel, a deadline for the frame."""

import os
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from aimx import limits, log
from aimx.errors import StorageFailed, WireCode, WireError
from aimx.flows.dispatch import refusal
from aimx.model.caller import Caller
from aimx.wire import codec
from aimx.wire.frames import Request, Response

Handle = Callable[[Request, Caller], Awaitable[Response]]
_UCRED = struct.Struct("3i")


class SocketServer:
    """Accepts local clients."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path = path
        self._handle = handle
        self._per_uid: Counter[int] = Counter()

    def listen(self) -> list[trio.SocketListener]:
        """Bind, replacing a socket that nobody answers on. Raises: StorageFailed."""
        self._path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if _answers(self._path):
            raise StorageFailed(f"another daemon answers on {self._path}")
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        listener.bind(str(self._path))
        os.chmod(self._path, 0o666)
        listener.listen(limits.BACKLOG)
        return [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]

    async def serve(self, stream: trio.SocketStream) -> None:
        """One connection."""
        async with stream:
            try:
                credentials = stream.socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
                _, uid, gid = _UCRED.unpack(credentials)
                await self._bounded(stream, Caller(uid, gid))
            except (trio.BrokenResourceError, trio.ClosedResourceError, OSError):
                return

    async def _bounded(self, stream: trio.SocketStream, caller: Caller) -> None:
        if self._per_uid[caller.uid] >= limits.CLIENTS_PER_UID:
            await _answer(stream, Response("error", code=WireCode.TEMP, reason="too many connections"))
            return
        self._per_uid[caller.uid] += 1
        try:
            await _answer(stream, await self._respond(stream, caller))
        finally:
            self._per_uid[caller.uid] -= 1
            if not self._per_uid[caller.uid]:
                del self._per_uid[caller.uid]

    async def _respond(self, stream: trio.SocketStream, caller: Caller) -> Response | None:
        try:
            with trio.fail_after(limits.FRAME_S):
                request = await _read_request(stream)
        except WireError as error:
            answer = refusal(error)
            prefix = "malformed request: " if answer.code == WireCode.MALFORMED else ""
            return Response("error", code=answer.code, reason=prefix + answer.reason)
        except trio.TooSlowError:
            return Response("error", code=WireCode.MALFORMED, reason="malformed request: request timed out")
        if request is None:
            return None
        try:
            return await self._handle(request, caller)
        except Exception as error:  # noqa: BLE001  a shell: no peer sees an exception
            log.error("verb-failed", verb=type(request).__name__, why=f"{type(error).__name__}: {error}")
            return refusal(error)


async def _read_request(stream: trio.SocketStream) -> Request | None:
    parser = codec.RequestParser()
    first = True
    while True:
        octets = await stream.receive_some(limits.READ_OCTETS)
        if first and not octets:
            return None
        first = False
        parser.feed(octets)
        request = parser.next_request()
        if request is not None:
            return request


async def _answer(stream: trio.SocketStream, response: Response | None) -> None:
    if response is None:
        return
    with trio.move_on_after(limits.FRAME_S):
        await stream.send_all(codec.encode_response(response))
        await stream.send_eof()
        await _drain(stream)


async def _drain(stream: trio.SocketStream) -> None:
    """Read what the client still sends, bounded, so that it sees the answer and not a reset."""
    with trio.move_on_after(1):
        for _ in range(64):
            if not await stream.receive_some(limits.READ_OCTETS):
                return


def _answers(path: Path) -> bool:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1)
    try:
        probe.connect(str(path))
    except OSError:
        return False
    finally:
        probe.close()
    return True
