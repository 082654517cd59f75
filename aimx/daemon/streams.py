"""Answers that are streams: written piece by piece for as long as the client takes them and the daemon serves.

Knows no verb and no line.
"""

import trio

from aimx import limits, log
from aimx.effects.api import Lines
from aimx.errors import AimxError
from aimx.flows.answer import refusal
from aimx.model.caller import Caller
from aimx.wire import answers
from aimx.wire.frames import Response


class Streams:
    """Those that are open."""

    def __init__(self) -> None:
        self._open: set[trio.CancelScope] = set()
        self._over = False

    def end(self) -> None:
        """End them all now, and whatever still becomes one."""
        self._over = True
        for scope in self._open:
            scope.cancel()

    async def carry(self, stream: trio.SocketStream, caller: Caller, response: Response, lines: Lines) -> None:
        """Write a stream to its end. A client that takes none of it for a while is dropped."""
        scope = trio.CancelScope()
        self._open.add(scope)
        if self._over:
            scope.cancel()
        try:
            with scope:
                await _carry(stream, response, lines)
        except trio.TooSlowError:
            log.warning("stream-stalled", caller_uid=caller.uid, note="the client took nothing and was dropped")
        finally:
            self._open.discard(scope)
            with trio.CancelScope(shield=True):
                await lines.aclose()


async def _carry(stream: trio.SocketStream, response: Response, lines: Lines) -> None:
    await _write(stream, answers.encode_response(response))
    try:
        async for piece in lines:
            await _write(stream, piece)
    except AimxError as error:
        await _write(stream, answers.encode_problem(refusal(error)))
    await stream.send_eof()


async def _write(stream: trio.SocketStream, octets: bytes) -> None:
    with trio.fail_after(limits.STREAM_STALL_S):
        await stream.send_all(octets)
