"""The end of the daemon, seen from the socket: what was asked in whole is answered, nobody else holds it up."""

import tempfile
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from aimx import limits
from aimx.daemon.verbd import SocketServer
from aimx.effects.memory import MemoryBudget
from aimx.flows.answer import Answer
from aimx.wire.frames import Response
from tests.wire.feed import anybody


def _play(handle, story, clock=None) -> None:
    async def main() -> None:
        with tempfile.TemporaryDirectory() as directory:
            path = Path(directory) / "aimx.sock"
            server = SocketServer(path, handle, MemoryBudget(1 << 20, 1.0), anybody)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(server.run, server.listen())
                await story(server, path)
                nursery.cancel_scope.cancel()
            server.close()

    trio.run(main, clock=clock)


async def _said(stream: trio.SocketStream) -> bytes:
    return b"".join([piece async for piece in stream])


def test_a_request_under_way_is_answered_and_new_ones_are_not_taken():
    release = trio.Event()

    async def handle(request, caller):
        await release.wait()
        return Answer(Response("ok"))

    async def story(server, path):
        async with await trio.open_unix_socket(path) as asked:
            await asked.send_all(b"AIMX/1 VERSION\n\n")
            await wait_all_tasks_blocked(0.05)
            drained = trio.Event()

            async def drain() -> None:
                await server.drain()
                drained.set()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(drain)
                await wait_all_tasks_blocked(0.05)
                assert not drained.is_set()
                with pytest.raises(OSError):
                    await trio.open_unix_socket(path)
                release.set()
                assert (await _said(asked)).startswith(b"AIMX/1 OK")
                await asked.aclose()
                with trio.fail_after(10):
                    await drained.wait()

    _play(handle, story)


@pytest.mark.parametrize("begun", [b"", b"AIMX/1 VER"], ids=["silent", "half a frame"])
def test_a_client_that_has_not_asked_yet_holds_nothing_up(begun):
    async def handle(request, caller):
        raise AssertionError("nothing was asked")

    async def story(server, path):
        async with await trio.open_unix_socket(path) as client:
            await client.send_all(begun)
            await wait_all_tasks_blocked(0.05)
            with trio.fail_after(10):
                await server.drain()

    _play(handle, story)


def test_a_request_that_never_ends_is_left_after_the_drain_time():
    async def handle(request, caller):
        await trio.sleep_forever()

    async def story(server, path):
        async with await trio.open_unix_socket(path) as client:
            await client.send_all(b"AIMX/1 VERSION\n\n")
            await wait_all_tasks_blocked(0.05)
            start = trio.current_time()
            with trio.fail_after(10 * limits.DRAIN_S):  # the clock runs fast, the machine need not
                await server.drain()
            assert trio.current_time() - start >= limits.DRAIN_S

    _play(handle, story, MockClock(rate=100))
