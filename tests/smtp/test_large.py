"""Large messages: one copy in memory, everybody else gets their turn, and a refusal in between is heard."""

import socket
import threading
import tracemalloc

import pytest
import trio

from aimx import limits
from aimx.effects.network import TcpNetwork
from aimx.effects.tcp import TcpStream
from aimx.flows.converse import Link
from aimx.smtp.client import Dialog, Letter, Step
from tests.smtp.stage import NORMAL, Script, World
from tests.smtp.test_tls import context

LINE = b"." + b"x" * 76 + b"\r\n"
LARGE = b"Subject: x\r\n\r\n" + LINE * (25 * limits.MIB // len(LINE))


def ready():
    """A dialog that waits for its message."""
    dialog = Dialog(Letter("agent.test", "", 1), ("a@x.test",), tls=False)
    for stage in ("banner", "ehlo", "mail", "rcpt", "data"):
        dialog.receive(NORMAL[stage])
        dialog.take()
    assert dialog.step() is Step.MESSAGE
    return dialog


@pytest.fixture
def pair():
    """A connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_the_answer_over_tls_is_never_early(pair, tmp_path):
    ours, theirs = pair
    octets = LARGE[: 2**21] + b"\r\n"

    def read():
        with context(tmp_path).wrap_socket(theirs, server_side=True) as secure:
            tail = b""
            while not tail.endswith(b"\r\n.\r\n"):
                tail = (tail + secure.recv(2**16))[-5:]
            secure.sendall(NORMAL["dot"])
            secure.recv(10)

    async def main():
        reader = threading.Thread(target=read)
        reader.start()
        network, dialog = TcpNetwork(), ready()
        stream = await network.start_tls(TcpStream(ours), "mx.test")
        await Link(network, stream, "mx.test", trio.current_time() + 60).converse(dialog, octets)
        reader.join()
        assert dialog.fates.of(0).result == "delivered", dialog.fates.of(0)

    trio.run(main)


def test_a_large_message_is_neither_copied_nor_in_the_way(pair):
    ours, theirs = pair
    counted = []

    def read():
        octets = 0
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            piece = theirs.recv(2**20)
            octets += len(piece)
            tail = (tail + piece)[-5:]
        counted.append(octets)
        theirs.sendall(NORMAL["dot"])

    async def main():
        dialog, turns = ready(), 0
        reader = threading.Thread(target=read)
        reader.start()
        async with trio.open_nursery() as nursery:

            async def other():
                nonlocal turns
                while True:
                    turns += 1
                    await trio.lowlevel.checkpoint()

            nursery.start_soon(other)
            await Link(None, TcpStream(ours), "mx", trio.current_time() + 60).converse(dialog, LARGE)
            nursery.cancel_scope.cancel()
        reader.join()
        assert dialog.fates.of(0).result == "delivered", dialog.fates.of(0)
        assert turns >= len(LARGE) // limits.MX_PIECE_OCTETS

    tracemalloc.start()
    try:
        trio.run(main)
        assert tracemalloc.get_traced_memory()[1] < 4 * limits.MIB
    finally:
        tracemalloc.stop()
    assert counted == [len(LARGE) + LARGE.count(b"\r\n.") + 3]


@pytest.mark.parametrize(
    ("words", "result", "told"),
    [(b"552 5.3.4 too large\r\n", "failed", "too large"), (b"451 4.3.0 full\r\n", "deferred", "full"),
     (b"421 4.3.2 bye\r\n", "deferred", "bye"), (b"250 ok\r\n", "deferred", "broke the protocol"),
     (b"nonsense\r\n", "deferred", "broke the protocol"), (b"", "deferred", "closed")],
    ids=["5yz", "4yz", "421", "2yz", "garbage", "end"],
)  # fmt: skip
def test_an_answer_before_the_end_stops_the_message(pair, words, result, told):
    ours, theirs = pair

    async def main():
        dialog = ready()
        theirs.sendall(words)
        if not words:
            theirs.shutdown(socket.SHUT_WR)
        await Link(None, TcpStream(ours), "mx", trio.current_time() + 60).converse(dialog, LARGE)
        fate = dialog.fates.of(0)
        assert (fate.result, told in fate.text) == (result, True), fate

    trio.run(main)


def test_a_server_that_stops_reading_is_given_up():
    # Nothing is unknown about a message whose end never left.
    from trio.testing import MockClock, lockstep_stream_pair

    async def main():
        ours, _theirs = lockstep_stream_pair()
        dialog = ready()
        began = trio.current_time()
        await Link(None, ours, "mx", began + limits.MX_TOTAL_S).converse(dialog, LARGE)
        assert dialog.fates.of(0).result == "deferred"
        assert trio.current_time() - began == limits.MX_BLOCK_S

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_a_large_message_arrives_whole():
    script, octets = Script("PIPELINING"), LARGE[: 40 * limits.MX_PIECE_OCTETS] + b"\r\n"
    assert World(script).deliver(octets=octets)[0].result == "delivered"
    (wire,) = script.messages
    assert wire.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.") == octets
