"""A connection as a stream: what trio asks of one, and what peers do to it."""

import socket
import struct

import pytest
import trio
import trio.testing

from aimx.effects import tcp


def both(script):
    """Run a script with a stream and the blocking socket at its other end."""

    async def main():
        with trio.fail_after(20):
            with socket.create_server(("127.0.0.1", 0)) as listening:
                theirs = socket.create_connection(listening.getsockname())
                accepted = trio.SocketStream(trio.socket.from_stdlib_socket(listening.accept()[0]))
            async with tcp.adopt(accepted) as ours:
                with theirs:
                    await script(ours, theirs)

    trio.run(main)


def test_more_than_the_buffers_hold_arrives_whole():
    octets = bytes(range(256)) * 40_000

    def read(sock):
        pieces = bytearray()
        while piece := sock.recv(65536):
            pieces += piece
        return bytes(pieces)

    async def script(ours, theirs):
        got = []

        async def reader():
            got.append(await trio.to_thread.run_sync(read, theirs))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(reader)
            await ours.send_all(octets)
            await ours.send_eof()
            await ours.send_eof()
        assert got == [octets]
        with pytest.raises(trio.ClosedResourceError):
            await ours.send_all(b"x")

    both(script)


def test_what_the_socket_does_not_take_at_once_is_left_to_the_caller():
    octets = bytes(range(256)) * 40_000

    async def script(ours, theirs):
        assert not ours.send_now(b"hello")
        assert theirs.recv(5, socket.MSG_WAITALL) == b"hello"
        rest = memoryview(octets)
        while len(left := ours.send_now(rest)) < len(rest):
            rest = left
        taken = len(octets) - len(rest)
        assert 0 < taken < len(octets)
        assert theirs.recv(taken, socket.MSG_WAITALL) == octets[:taken]
        await ours.send_eof()
        with pytest.raises(trio.ClosedResourceError):
            ours.send_now(b"x")

    both(script)


def test_reading_waits_and_ends_at_end_of_input():
    async def script(ours, theirs):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, theirs.sendall, b"hello")
            assert await ours.receive_some() == b"hello"
        theirs.sendall(b"abc")
        assert await ours.receive_some(2) == b"ab"
        assert await ours.receive_some(2) == b"c"
        theirs.shutdown(socket.SHUT_WR)
        assert await ours.receive_some() == b""

    both(script)


def test_a_reset_is_a_broken_connection():
    async def script(ours, theirs):
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        theirs.close()
        with pytest.raises(trio.BrokenResourceError):
            await ours.receive_some()
        with pytest.raises(trio.BrokenResourceError):
            await ours.send_all(b"x")

    both(script)


def test_closing_tells_whoever_waits_and_whoever_comes_later():
    async def script(ours, theirs):
        told = []

        async def wait():
            try:
                await ours.receive_some()
            except trio.ClosedResourceError:
                told.append("waiting")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await trio.testing.wait_all_tasks_blocked()
            await ours.aclose()
        for later in (ours.receive_some(), ours.send_all(b"x"), ours.wait_send_all_might_not_block()):
            with pytest.raises(trio.ClosedResourceError):
                await later
        await ours.aclose()
        assert told == ["waiting"]
        assert theirs.recv(1) == b""

    both(script)


def test_a_cancelled_write_does_not_begin():
    async def script(ours, theirs):
        with trio.CancelScope() as scope:
            scope.cancel()
            await ours.send_all(b"never")
        await ours.send_all(b"later")
        assert theirs.recv(100) == b"later"

    both(script)
