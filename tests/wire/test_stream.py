"""The client of a stream: whole lines however they arrive, and an end that says what it was."""

import contextlib
import socket
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import client, limits
from aimx.errors import DaemonAbsent, DaemonRefused, DaemonSilent, WireError
from aimx.wire import answers
from aimx.wire.frames import Response, Watch

HEAD = answers.encode_response(Response("stream"))


def read(octets: bytes, step: int = 10_000, silent: bool = False) -> list[bytes]:
    """The lines of a stream that arrives in pieces; `silent`: it does not end."""
    over = threading.Event()
    with tempfile.TemporaryDirectory() as directory, socket.socket(socket.AF_UNIX) as listener:
        path = Path(directory) / "aimx.sock"
        listener.bind(str(path))
        listener.listen()

        def serve():
            connection, _ = listener.accept()
            # A client that has heard enough hangs up before the rest is sent.
            with connection, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                while connection.recv(1000):
                    pass
                for at in range(0, len(octets), step):
                    connection.sendall(octets[at : at + step])
                if silent:
                    over.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            return list(client.stream(path, Watch()))
        finally:
            over.set()
            thread.join(30)


LINES = [b'{"cursor":"a-1","type":"hello"}\n', b"{}\n", b'{"type":"received","subject":"\xc3\xa4 \\"error\\""}\n']


@settings(max_examples=20, deadline=None)
@given(st.integers(min_value=1, max_value=200))
def test_lines_are_independent_of_chunking(step):
    assert read(HEAD + b"".join(LINES), step) == LINES


def test_a_stream_without_lines():
    assert read(HEAD) == []


ENDS = {
    "refused": (b"AIMX/1 ERR EACCES not authorized\nCode: EACCES\n\n", DaemonRefused, "^not authorized$"),
    "error-at-the-end": (
        HEAD + LINES[0] + answers.encode_problem(Response("error", code="IO", reason="disk")), DaemonRefused, "^disk$"
    ),
    "inside-a-line": (HEAD + LINES[0] + b'{"cur', DaemonSilent, "inside a line"),
    "inside-the-head": (HEAD[:12], DaemonSilent, "inside a line"),
    "no-head": (b"", WireError, "without an answer"),
    "another-answer": (b"AIMX/1 OK\nContent-Length: 2\n\n[]", WireError, "not match"),
    "an-endless-head": (b"x" * 100 + b"\n" + b"a: b\n" * limits.HEADER_LINE_OCTETS, WireError, "more than 64 headers"),
    "an-endless-line": (HEAD + b"x" * (limits.STREAM_LINE_OCTETS + limits.READ_OCTETS), WireError, "exceeds"),
    "an-error-that-is-none": (HEAD + b'{"type": "error"}\n', WireError, "cannot be read"),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "error", "text"), ENDS.values(), ids=ENDS)
def test_how_a_stream_ends_badly(octets, error, text):
    with pytest.raises(error, match=text):
        read(octets, limits.READ_OCTETS)


def test_a_stream_that_falls_silent_has_nobody_at_its_other_end(monkeypatch):
    monkeypatch.setattr(limits, "CLIENT_STREAM_S", 0.1)
    with pytest.raises(DaemonSilent, match="did not answer in time"):
        read(HEAD + LINES[0], silent=True)


def test_nobody_there(tmp_path):
    with pytest.raises(DaemonAbsent):
        list(client.stream(tmp_path / "none", Watch()))
