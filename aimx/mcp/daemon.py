"""The daemon asked from trio, over the codec of the blocking client. Cancelling a call closes its connection."""

import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from typing import Any

import trio

from aimx import limits
from aimx.config import places
from aimx.errors import AimxError, DaemonAbsent, DaemonSilent, DaemonUnavailable, WireCode, WireError, told
from aimx.mcp.tool import ToolError
from aimx.wire import answers, codec
from aimx.wire.frames import (
    HookCreate,
    HookDelete,
    MailboxCreate,
    MailboxDelete,
    MarkRead,
    MarkUnread,
    Request,
    Response,
)
from aimx.wire.streamed import Streamed

_CHANGES = (MarkRead, MarkUnread, MailboxCreate, MailboxDelete, HookCreate, HookDelete)
_DONE = "it may have been done all the same: look before you ask again"
_NOBODY = (FileNotFoundError, ConnectionRefusedError, PermissionError)


class SocketDaemon:
    """Implements mcp.tool.Daemon. What is answered at once takes turns, so that no burst of calls is one too many."""

    def __init__(self) -> None:
        self._turns = trio.Semaphore(limits.MCP_REQUESTS)

    async def ask(self, request: Request, timeout_s: float | None = None) -> Response:
        """One request and its answer."""
        octets = _framed(request)
        with trio.move_on_after(timeout_s or limits.CLIENT_ADMIN_S) as scope:
            stream = await _connect()
            async with stream:
                try:
                    await _send(stream, octets)
                    answer = await _all(stream)
                except OSError as error:
                    raise DaemonSilent(f"the aimx daemon broke off: {error.strerror}") from error
        if scope.cancelled_caught:
            raise DaemonSilent("the aimx daemon did not answer in time")
        if not answer:
            raise DaemonSilent("the daemon closed the connection without an answer")
        return answers.decode_response(answer, type(request))

    async def value(self, request: Request) -> Any:
        """The JSON of a successful answer."""
        return json.loads(await self._body(request))

    async def done(self, request: Request) -> None:
        """Have it done."""
        await self._body(request)

    async def _body(self, request: Request) -> bytes:
        try:
            async with self._turns:
                response = await self.ask(request)
        except (DaemonSilent, WireError) as error:
            if isinstance(request, _CHANGES):
                raise ToolError(f"{unclear(error)}; {_DONE}") from None
            raise
        if response.kind == "error":
            raise refused(response)
        return response.body

    async def lines(self, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of a stream, until the daemon ends it. Raises: ToolError, DaemonUnavailable, WireError."""
        octets = _framed(request)
        async with AsyncExitStack() as turn:
            await turn.enter_async_context(self._turns)
            async with await _connect() as stream, aclosing(_pieces(stream)) as pieces:
                await _send(stream, octets)
                told = Streamed(type(request))
                async for piece in pieces:
                    lines = told.feed(piece)
                    if told.answered:
                        await turn.aclose()
                    for line in lines:
                        yield json.loads(line)
                    if told.error is not None:
                        raise refused(told.error)


def refused(response: Response) -> ToolError:
    """The daemon's code and reason (M2)."""
    between = " " if response.code == "EACCES" else ": "
    return ToolError(f"{response.code}{between}{response.reason}", response.code)


def _framed(request: Request) -> bytes:
    """The octets of a request. Raises: ToolError for a value that no request can hold: nothing was asked."""
    try:
        return codec.encode_request(request)
    except WireError as error:
        raise ToolError(f"{WireCode.MALFORMED}: {error.reason}", WireCode.MALFORMED) from None


def unclear(error: AimxError) -> str:
    """What is said of an answer that did not come, or is none."""
    return f"Malformed response from aimx daemon: {told(error)}" if isinstance(error, WireError) else told(error)


async def _connect() -> trio.SocketStream:
    path = places.socket_name()
    try:
        with trio.fail_after(limits.CLIENT_CONNECT_S):
            return await trio.open_unix_socket(path)
    except trio.TooSlowError:
        raise DaemonUnavailable(f"the aimx daemon on {path} did not answer in time") from None
    except OSError as error:
        kind = DaemonAbsent if isinstance(error, _NOBODY) else DaemonUnavailable
        raise kind(f"no aimx daemon answers on {path}", detail=error.strerror or str(error)) from error


async def _send(stream: trio.SocketStream, octets: bytes) -> None:
    """A daemon that refuses a frame early stops reading: what it said is still to be read."""
    try:
        await stream.send_all(octets)
        await stream.send_eof()
    except trio.BrokenResourceError:
        return


async def _pieces(stream: trio.SocketStream) -> AsyncGenerator[bytes, None]:
    """What comes until the end, however that comes about."""
    try:
        async for piece in stream:
            yield bytes(piece)
    except trio.BrokenResourceError:
        return  # a daemon that was killed


async def _all(stream: trio.SocketStream) -> bytes:
    answer = bytearray()
    try:
        async for piece in stream:
            answer += piece
            if len(answer) > limits.CLIENT_ANSWER_OCTETS:
                raise WireError(f"answer exceeds {limits.CLIENT_ANSWER_OCTETS} bytes")
    except trio.BrokenResourceError:
        pass  # reset after an early refusal: what came before it is the answer
    return bytes(answer)
