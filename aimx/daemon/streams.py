"""Answers that are streams: written piece by piece for as long as the client takes them and the daemon serves.

And answers that are of use only while their client waits. Knows no verb and no line.
"""

import select
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

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
        self._open: dict[int, trio.CancelScope] = {}  # by descriptor
        self._waiting: dict[int, trio.CancelScope] = {}  # of clients without an answer yet
        self._over = False
        self._begun = trio.Event()

    async def run(self) -> None:
        """End what a client that has hung up no longer wants, though there be nothing to write, until cancelled."""
        while True:
            await self._begun.wait()
            for fd in _hung_up(self._open | self._waiting):
                (self._open.get(fd) or self._waiting[fd]).cancel()
            await trio.sleep(limits.STREAM_LOOK_S)
            if not self._open and not self._waiting:
                self._begun = trio.Event()

    def end(self) -> None:
        """End them all now, and whatever still becomes one."""
        self._over = True
        for scope in self._open.values():
            scope.cancel()

    @contextmanager
    def awaited(self, stream: trio.SocketStream) -> Iterator[None]:
        """Give up what happens within when the client hangs up."""
        fd = stream.socket.fileno()
        with trio.CancelScope() as scope:
            self._waiting[fd] = scope
            self._begun.set()
            try:
                yield
            finally:
                del self._waiting[fd]

    async def carry(self, stream: trio.SocketStream, caller: Caller, response: Response, lines: Lines) -> None:
        """Write a stream to its end. A client that takes none of it for a while is dropped."""
        fd = stream.socket.fileno()
        scope = self._open[fd] = trio.CancelScope()
        self._begun.set()
        if self._over:
            scope.cancel()
        try:
            with scope:
                await _carry(stream, response, lines)
        except trio.TooSlowError:
            log.warning("stream-stalled", caller_uid=caller.uid, note="the client took nothing and was dropped")
        finally:
            del self._open[fd]
            with trio.CancelScope(shield=True):
                await lines.aclose()


def _hung_up(fds: Iterable[int]) -> list[int]:
    """Of clients that are gone; one that has only ended its writing is not."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, 0)
    return [fd for fd, _ in poll.poll(0)]


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
