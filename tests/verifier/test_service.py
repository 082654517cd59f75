"""The whole service as a process: its routes, what slow, greedy and hostile peers get, and how it ends."""

import signal
import socket
import time

import psutil
import pytest

from aimx.verifier import main
from tests.verifier.program import WAIT_S, Verifier

HEALTHY = {"status": "ok", "service": "aimx-verifier"}


@pytest.fixture(scope="module")
def verifier():
    with Verifier() as running:
        yield running


@pytest.mark.parametrize("path", ["/", "/health", "/health?x=1"])
def test_it_says_that_it_is_well(verifier, path):
    assert verifier.get(path) == (200, HEALTHY)
    assert verifier.get(path, "HEAD") == (200, None)


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nope", "GET", 404), ("/probe/", "GET", 404), ("//probe", "GET", 404), ("/probe", "HEAD", 405),
     ("/probe", "POST", 405), ("/health", "DELETE", 405), ("/%70robe", "GET", 404), ("/probe", "GET", 400)],
)  # fmt: skip
def test_everything_else_is_an_error_and_connects_to_nobody(verifier, path, method, status):
    assert verifier.get(path, method)[0] == status


@pytest.mark.parametrize("client", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:192.168.0.1", "169.254.169.254", "x", "0"])
def test_a_proxy_that_names_nobody_of_the_internet_is_refused(verifier, client):
    assert verifier.get("/probe", X_AIMX_Client_IP=client)[0] == 400


def test_forwarded_for_is_not_read(verifier):
    assert verifier.get("/probe", X_Forwarded_For="9.9.9.9", Forwarded="for=9.9.9.9", X_Real_IP="9.9.9.9")[0] == 400


HOSTILE = {
    "no http": (b"\x16\x03\x01\x02\x00\x01\x00\xfc\x03\x03" * 10 + b"\r\n\r\n", b" 400 "),
    "smtp": (b"EHLO there\r\n\r\n", b" 400 "),
    "endless line": (b"GET /" + b"a" * 100_000, b" 431 "),
    "endless head": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 5_000, b" 431 "),
    "many fields": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 70 + b"\r\n", b" 431 "),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", b" 400 "),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", b" 400 "),
    "a body": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", b" 413 "),
    "a large body": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n" + b"x" * 60_000, b" 413 "),
    "chunked": (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b" 413 "),
    "both lengths": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", b" 4"),
    "two lengths": (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n", b" 400 "),
    "folded": (b"GET / HTTP/1.1\r\nHost: x\r\nX-AIMX-Client-IP:\r\n 9.9.9.9\r\n \r\n\r\n", b" 200 "),
    "a field of controls": (b"GET / HTTP/1.1\r\nHost: x\r\nX: \x00\x1b[31m\r\n\r\n", b" 400 "),
    "blank before colon": (b"GET /probe HTTP/1.1\r\nHost: x\r\nX-AIMX-Client-IP : 9.9.9.9\r\n\r\n", b" 400 "),
    "path of controls": (b"GET /\x1b]0;x\x07 HTTP/1.1\r\nHost: x\r\n\r\n", b" 400 "),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b" 404 "),
    "HTTP/0.9": (b"GET /\r\n\r\n", b" 400 "),
    "absolute": (b"GET http://10.0.0.1/probe HTTP/1.1\r\nHost: x\r\n\r\n", b" 404 "),
    "connect": (b"CONNECT 10.0.0.1:25 HTTP/1.1\r\nHost: x\r\n\r\n", b" 404 "),
    "more after it": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /nope HTTP/1.1\r\nHost: x\r\n\r\n" * 50, b" 200 "),
}


@pytest.mark.parametrize(("octets", "status"), HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_request_gets_an_answer_and_the_end(verifier, octets, status):
    answer = verifier.raw(octets)
    first = answer.split(b"\r\n")[0]
    assert first.startswith(b"HTTP/1.1") and status in first, first
    assert answer.count(b"HTTP/1.1") == 1
    assert verifier.get("/health") == (200, HEALTHY)


def test_log_lines_are_one_for_each_request_and_show_what_a_terminal_would_obey(verifier):
    before = _logged(verifier, "/first")
    for target in ("/caf\u00e9\u202e", "/a\\x1b"):
        verifier.raw(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    lines = verifier.log[before : _logged(verifier, "/last")]
    assert len(lines) == 3 and all(line.isprintable() and " ip=127.0.0.1" in line for line in lines)


def _logged(verifier, path):
    """How many lines there are with the one of this request, which is told after those of requests before it."""
    verifier.get(path)
    deadline = time.monotonic() + WAIT_S
    while not any(f"path={path} " in line for line in verifier.log) and time.monotonic() < deadline:
        time.sleep(0.01)
    return next(number for number, line in enumerate(verifier.log, 1) if f"path={path} " in line)


def test_a_peer_that_says_nothing_does_not_keep_others_waiting(verifier):
    silent = [socket.create_connection(verifier.web, WAIT_S) for _ in range(50)]
    try:
        for sock in silent[:25]:
            sock.sendall(b"GET /probe HT")
        assert verifier.get("/health") == (200, HEALTHY)
    finally:
        for sock in silent:
            sock.close()


def test_the_responder_answers_as_the_guide_says(verifier):
    said = verifier.raw(b"EHLO there\r\nHELO there\r\nMAIL FROM:<a@b.test>\r\nquit\r\nEHLO more\r\n", "smtp")
    assert said.split(b"\r\n") == [
        b"220 verify.test SMTP aimx-verifier", b"250 verify.test", b"250 verify.test", b"500 Command not recognized",
        b"221 Bye", b"",
    ]  # fmt: skip


SMTP_HOSTILE = {
    "endless line": b"A" * 100_000,
    "long line": b"EHLO " + b"a" * 1100 + b"\r\n",
    "endless commands": b"NOOP\r\n" * 1000,
    "binary": bytes(range(256)) * 100,
    "nothing but line ends": b"\r\n" * 5000,
}


@pytest.mark.parametrize("octets", SMTP_HOSTILE.values(), ids=SMTP_HOSTILE)
def test_the_responder_hangs_up_on_who_wants_too_much(verifier, octets):
    assert len(verifier.raw(octets, "smtp")) < 1000
    assert verifier.raw(b"QUIT\r\n", "smtp").endswith(b"221 Bye\r\n")


def test_sessions_beyond_the_limit_are_turned_away_and_find_a_place_later():
    with Verifier(SMTP_MAX_CONCURRENT="3") as small:
        held = [socket.create_connection(small.smtp, WAIT_S) for _ in range(3)]
        assert all(sock.recv(100).startswith(b"220") for sock in held)
        with socket.create_connection(small.smtp, WAIT_S) as late:
            assert late.recv(100) == b""
        held.pop().close()
        deadline = time.monotonic() + WAIT_S
        while not small.raw(b"QUIT\r\n", "smtp"):
            assert time.monotonic() < deadline
        for sock in held:
            sock.close()
        assert small.stop(signal.SIGINT) == 0


def test_it_ends_when_it_is_told_to_whoever_is_connected():
    with Verifier() as running, socket.create_connection(running.web), socket.create_connection(running.smtp):
        assert running.get("/health") == (200, HEALTHY)
        assert running.stop(signal.SIGTERM) == 0
    assert "event=verifier-stopping signal=SIGTERM" in running.log[-1]


def test_a_port_that_is_taken_and_a_wrong_setting_are_one_line(verifier, monkeypatch, capsys):
    host, port = verifier.web
    monkeypatch.setenv("BIND_ADDR", f"{host}:{port}")
    assert main.run([]) == 1
    assert capsys.readouterr().err.startswith(f"Error: cannot listen on {host}:{port} (BIND_ADDR): Address already")
    monkeypatch.setenv("BIND_ADDR", "nowhere")
    assert main.run([]) == 2
    said = capsys.readouterr().err
    assert said.startswith("Error: BIND_ADDR:") and said.count("\n") == 1


def test_it_takes_no_words_and_says_what_it_reads(capsys):
    assert main.run(["--port", "25"]) == 2 and "Environment:" in capsys.readouterr().err
    assert main.run(["--help"]) == 0 and "BIND_ADDR" in capsys.readouterr().out


def test_after_all_that_it_holds_nothing(verifier):
    deadline = time.monotonic() + WAIT_S
    process = psutil.Process(verifier.process.pid)
    while len(process.net_connections("tcp")) > 2:  # its two listeners
        assert time.monotonic() < deadline, process.net_connections()
        time.sleep(0.05)
    assert not [line for line in verifier.log if "connection-failed" in line or "Traceback" in line]
