"""A stream ends when its lines do, its client is gone or takes nothing, or the daemon stops; its lines are closed."""

import socket

import pytest
import trio
from trio.testing import MockClock

from aimx import limits
from aimx.daemon.streams import Streams
from aimx.errors import StorageFailed
from aimx.model.caller import Caller
from aimx.wire import answers
from aimx.wire.frames import Response

HEAD = answers.encode_response(Response("stream"))
CALLER = Caller(1001, 1001)


class Lines:
    """Pieces, then an error or the end; None: it waits for ever."""

    def __init__(self, *pieces):
        self._pieces = list(pieces)
        self.closed = 0

    def __aiter__(self):
        return self

    async def __anext__(self):
        await trio.lowlevel.checkpoint()
        if not self._pieces:
            raise StopAsyncIteration
        piece = self._pieces.pop(0)
        if piece is None:
            await trio.sleep_forever()
        if isinstance(piece, Exception):
            raise piece
        return piece

    async def aclose(self):
        self.closed += 1


def pair():
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return trio.SocketStream(trio.socket.from_stdlib_socket(ours)), theirs


def heard(theirs) -> bytes:
    theirs.settimeout(30)
    octets = b""
    while piece := theirs.recv(65536):
        octets += piece
    return octets


ENDS = {
    "its-own": (Lines(b"1\n", b"2\n"), b"1\n2\n"),
    "nothing": (Lines(), b""),
    "an-error": (
        Lines(b"1\n", StorageFailed("disk")),
        b"1\n" + answers.encode_problem(Response("error", code="IO", reason="disk"))
    ),
}  # fmt: skip


@pytest.mark.parametrize(("lines", "expected"), ENDS.values(), ids=ENDS)
def test_a_stream_is_told_to_its_end(lines, expected):
    ours, theirs = pair()

    async def main():
        async with ours:
            await Streams().carry(ours, CALLER, Response("stream"), lines)

    with theirs:
        trio.run(main)
        assert heard(theirs) == HEAD + expected
    assert lines.closed == 1


def test_a_client_that_takes_nothing_is_dropped(capsys):
    ours, theirs = pair()
    lines = Lines(b"x" * 10_000_000)

    async def main():
        async with ours:
            await Streams().carry(ours, CALLER, Response("stream"), lines)
        return trio.current_time()

    with theirs:
        began = trio.run(main, clock=MockClock(autojump_threshold=0))
        assert len(heard(theirs)) < 10_000_000
    assert began >= limits.STREAM_STALL_S
    assert lines.closed == 1


def test_a_client_that_is_gone_ends_it():
    ours, theirs = pair()
    lines = Lines(*[b"x\n"] * 1000, None)
    theirs.close()

    async def main():
        async with ours:
            with pytest.raises(trio.BrokenResourceError):
                await Streams().carry(ours, CALLER, Response("stream"), lines)

    trio.run(main)
    assert lines.closed == 1


def test_when_the_daemon_stops_all_streams_end_at_once_and_none_begins():
    streams = Streams()
    waiting, stuck, late = Lines(b"1\n", None), Lines(b"x" * 10_000_000), Lines(b"1\n", None)
    ends = [pair() for _ in range(3)]

    async def carry(stream, lines):
        async with stream:
            await streams.carry(stream, CALLER, Response("stream"), lines)

    async def main():
        with trio.fail_after(limits.STREAM_STALL_S / 2):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(carry, ends[0][0], waiting)
                nursery.start_soon(carry, ends[1][0], stuck)
                await trio.testing.wait_all_tasks_blocked()
                streams.end()
            await carry(ends[2][0], late)

    trio.run(main, clock=MockClock(autojump_threshold=0))
    assert heard(ends[0][1]) == HEAD + b"1\n"
    assert (waiting.closed, stuck.closed, late.closed) == (1, 1, 1)
    for _, theirs in ends:
        theirs.close()


def test_a_client_that_hangs_up_is_noticed_and_one_that_ended_its_writing_is_not():
    streams = Streams()
    gone, quiet = Lines(None), Lines(None)
    (ours, theirs), (other, half) = pair(), pair()
    half.shutdown(socket.SHUT_WR)

    async def carry(stream, lines):
        async with stream:
            await streams.carry(stream, CALLER, Response("stream"), lines)

    async def main():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(streams.run)
            nursery.start_soon(carry, ours, gone)
            nursery.start_soon(carry, other, quiet)
            await trio.sleep(10 * limits.STREAM_LOOK_S)
            assert (gone.closed, quiet.closed) == (0, 0)
            theirs.close()
            await trio.sleep(2 * limits.STREAM_LOOK_S)
            assert (gone.closed, quiet.closed) == (1, 0)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))
    half.close()
