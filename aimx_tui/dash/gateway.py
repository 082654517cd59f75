"""The daemon asked from asyncio, over the codec of the blocking client. Cancelling a call closes its connection."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

from aimx import limits
from aimx.errors import DaemonAbsent, DaemonRefused, DaemonSilent, DaemonUnavailable, WireError
from aimx.wire import answers, codec
from aimx.wire.frames import Request, Response
from aimx.wire.streamed import Streamed

# A socket that this user cannot reach is none to him: nothing was sent.
_NOBODY = (FileNotFoundError, ConnectionRefusedError, PermissionError)


class Gateway:
    """One daemon. Every call has a connection of its own."""

    def __init__(self, path: Path | str) -> None:
        self._path = str(path)

    @property
    def path(self) -> str:
        """Where it listens."""
        return self._path

    async def ask(self, request: Request, timeout_s: float = limits.CLIENT_ADMIN_S) -> Response:
        """One request and its answer, an error frame too.

        Raises: DaemonAbsent, DaemonUnavailable (not asked); DaemonSilent (asked, no answer); WireError.
        """
        octets = codec.encode_request(request)
        try:
            async with asyncio.timeout(timeout_s):
                async with self._connected() as (reader, writer):
                    await _send(writer, octets)
                    answer = await _all(reader)
        except TimeoutError:
            raise DaemonSilent(f"the aimx daemon on {self._path} did not answer in time") from None
        if not answer:
            raise DaemonSilent("the daemon closed the connection without an answer")
        return answers.decode_response(answer, type(request))

    async def value(self, request: Request, timeout_s: float = limits.CLIENT_ADMIN_S) -> Any:
        """The JSON of a successful answer; None for one without a body. Raises: as `ask`; DaemonRefused."""
        response = await self.ask(request, timeout_s)
        if response.kind == "error":
            raise DaemonRefused(response.reason, code=response.code)
        if response.kind != "json":
            return None
        with understood():
            return json.loads(response.body)

    async def lines(self, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of a stream until the daemon ends it.

        Raises: as `value`; DaemonSilent when nothing comes for CLIENT_STREAM_S.
        """
        octets = codec.encode_request(request)
        async with self._connected() as (reader, writer):
            await _send(writer, octets)
            told = Streamed(type(request))
            while True:
                try:
                    piece = await asyncio.wait_for(_piece(reader), limits.CLIENT_STREAM_S)
                except TimeoutError:
                    raise DaemonSilent(f"the aimx daemon on {self._path} has gone silent") from None
                if not piece:
                    return
                for line in told.feed(piece):
                    yield _object(line)
                if told.error is not None:
                    raise DaemonRefused(told.error.reason, code=told.error.code)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter], None]:
        try:
            async with asyncio.timeout(limits.CLIENT_CONNECT_S):
                reader, writer = await asyncio.open_unix_connection(self._path, limit=limits.READ_OCTETS)
        except TimeoutError:
            raise DaemonUnavailable(f"the aimx daemon on {self._path} did not answer in time") from None
        except OSError as error:
            kind = DaemonAbsent if isinstance(error, _NOBODY) else DaemonUnavailable
            detail = error.strerror or str(error)
            raise kind(f"no aimx daemon answers on {self._path}", detail=detail) from error
        try:
            yield reader, writer
        finally:
            writer.transport.abort()


@contextlib.contextmanager
def understood() -> Iterator[None]:
    """Around the reading of what a daemon told, who may be of another version. Raises: WireError where that is odd."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise WireError("the daemon's answer cannot be read: is it of another version?") from error


def _object(line: bytes) -> dict[str, Any]:
    with understood():
        return dict(json.loads(line).items())


async def _send(writer: asyncio.StreamWriter, octets: bytes) -> None:
    """A daemon that refuses a frame early stops reading: what it said is still to be read."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        writer.write(octets)
        await writer.drain()
        writer.write_eof()


async def _piece(reader: asyncio.StreamReader) -> bytes:
    """What comes next; nothing at the end, however that comes about."""
    try:
        return await reader.read(limits.READ_OCTETS)
    except OSError:
        return b""


async def _all(reader: asyncio.StreamReader) -> bytes:
    answer = bytearray()
    while piece := await _piece(reader):
        answer += piece
        if len(answer) > limits.CLIENT_ANSWER_OCTETS:
            raise DaemonSilent(f"the answer exceeds {limits.CLIENT_ANSWER_OCTETS} bytes")
    return bytes(answer)
