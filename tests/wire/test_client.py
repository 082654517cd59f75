"""The blocking client against daemons that answer, refuse early, lie, or are not there."""

import concurrent.futures
import contextlib
import socket
import tempfile
import threading
from pathlib import Path

import pytest
import trio

from aimx import client, limits
from aimx.daemon.verbd import SocketServer
from aimx.effects.memory import MemoryBudget
from aimx.errors import DaemonRefused, DaemonUnavailable, WireError
from aimx.flows.answer import Answer
from aimx.wire.frames import Ingest, Response, Send, Version
from tests.wire.feed import anybody


@pytest.fixture
def path():
    """A short one: a socket's address has at most 107 octets."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory) / "aimx.sock"


def ask_real(path, request) -> Response:
    """One call to the real socket server."""

    async def answer(_request, _caller):
        return Answer(Response("json", body=b"{}"))

    async def main():
        server = SocketServer(path, answer, MemoryBudget(limits.MEMORY_OCTETS, limits.MEMORY_WAIT_S), anybody)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.serve_listeners, server.serve, server.listen())
            response = await trio.to_thread.run_sync(client.call, path, request, 30.0)
            nursery.cancel_scope.cancel()
        return response

    return trio.run(main)


def test_a_call_and_its_answer(path):
    assert client.body_of(ask_real(path, Version())) == b"{}"
    assert client.body_of(ask_real(path, Ingest("ops", bytes(limits.FRAME_BODY_OCTETS)))) == b"{}"


def test_an_early_refusal_is_read_although_the_request_was_not(path):
    answer = ask_real(path, Ingest("ops", bytes(3 * limits.FRAME_BODY_OCTETS)))
    with pytest.raises(DaemonRefused, match=r"^malformed request: Content-Length 78643200 exceeds cap"):
        client.body_of(answer)


def ask_stub(path, reply: bytes | None) -> Response:
    """One call to a listener that reads nothing and says `reply`; None: nothing at all."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        over = threading.Event()

        def serve():
            connection, _ = listener.accept()
            with connection:
                if reply is None:
                    over.wait(30)
                else:
                    connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return client.call(path, Send(b""), timeout_s=0.1 if reply is None else 30.0)
        finally:
            over.set()
            thread.join(30)


def test_an_answer_to_a_request_that_was_never_read(path):
    assert ask_stub(path, b"AIMX/1 OK <a@b>\n") == Response("ok", note="<a@b>")


def test_silence_is_a_daemon_that_did_not_answer_in_time(path):
    with pytest.raises(DaemonUnavailable, match="did not answer in time"):
        ask_stub(path, None)


def test_an_answer_that_trickles_in_has_to_end_in_time(path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        over = threading.Event()

        def serve():
            connection, _ = listener.accept()
            with connection, contextlib.suppress(OSError):
                while not over.wait(0.02):
                    connection.sendall(b"x")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(DaemonUnavailable, match="did not answer in time"):
                client.call(path, Version(), timeout_s=0.2)
        finally:
            over.set()
            thread.join(30)


@pytest.fixture
def busy(path):
    """A daemon whose queue is full."""
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(str(path))
        listener.listen(0)
        listener.settimeout(30)
        first.connect(str(path))
        yield listener


def test_a_full_queue_is_waited_for(path, busy):
    def serve():
        for _ in range(2):
            connection, _ = busy.accept()
            with connection:
                connection.sendall(b"AIMX/1 OK <a@b>\n")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        asked = pool.submit(client.call, path, Send(b""), 30.0)
        pool.submit(serve).result(30)
        assert asked.result(30).note == "<a@b>"


def test_a_queue_that_stays_full_is_a_daemon_that_did_not_answer(path, busy, monkeypatch):
    monkeypatch.setattr(limits, "CLIENT_CONNECT_S", 0.05)
    with pytest.raises(DaemonUnavailable, match="did not answer in time"):
        client.call(path, Version())


def test_an_answer_without_end_is_no_answer(path, monkeypatch):
    monkeypatch.setattr(limits, "CLIENT_ANSWER_OCTETS", 1000)
    with pytest.raises(WireError, match="answer exceeds 1000 bytes"):
        ask_stub(path, b"AIMX/1 OK\n" * 1000)


def test_an_answer_has_the_shape_of_its_request(path):
    with pytest.raises(WireError, match="not an answer to SEND"):
        ask_stub(path, b"AIMX/1 OK\n")


@pytest.mark.parametrize("reply", [b"AIMX/1 ERR DELIVERY no\nCode: TEMP\n\n", b"AIMX/1 ERR TEMP no\n"])
def test_the_code_of_an_error_is_the_header_s_or_the_line_s(path, reply):
    with pytest.raises(DaemonRefused, match=r"^no$") as caught:
        client.body_of(ask_stub(path, reply))
    assert caught.value.code == "TEMP"


@pytest.mark.parametrize(
    "reply", [b"", b"HTTP/1.1 400\r\n\r\n", b"AIMX/1 OK\nContent-Length: 5\n\nabc"], ids=["none", "http", "cut"]
)
def test_what_is_no_answer_is_an_error(path, reply):
    with pytest.raises(WireError):
        ask_stub(path, reply)


def test_no_daemon_says_what_to_start(path):
    with pytest.raises(DaemonUnavailable, match="start `aimx serve`"):
        client.call(path, Version())
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with pytest.raises(DaemonUnavailable, match="start `aimx serve`"):
        client.call(path, Version())


def test_a_socket_in_a_place_that_is_none(path):
    path.parent.joinpath("file").write_text("")
    with pytest.raises(DaemonUnavailable, match="cannot be reached: Not a directory"):
        client.call(path.parent / "file" / "aimx.sock", Version())
