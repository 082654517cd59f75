"""Accepting: caps, early talkers, exhausted descriptors, hostile peers, the end, and the certificate."""

import contextlib
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest
import trio

from aimx import limits, replies
from aimx.daemon.certificate import server_context
from aimx.daemon.listener import SmtpListener
from aimx.daemon.serve import bind_smtp
from aimx.errors import Failed
from tests.daemon.pem import write_pair
from tests.daemon.stage import Stage
from tests.harness import DOMAIN, Daemon, config_text, mail


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """A daemon with TLS that every test here tries to bring down."""
    tree = tmp_path_factory.mktemp("busy")
    daemon = Daemon(tree)
    cert, key = write_pair(tree / "tls")
    daemon.arguments = ["--tls-cert", str(cert), "--tls-key", str(key)]
    with daemon:
        yield daemon


def _connect(daemon: Daemon, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(("127.0.0.1", daemon.port), timeout=30, source_address=(source, 0))


def _line(sock: socket.socket) -> str:
    line = b""
    while not line.endswith(b"\n") and (octet := sock.recv(1)):
        line += octet
    return line.decode().rstrip("\r\n")


def _greeted(daemon: Daemon, *commands: bytes) -> socket.socket:
    sock = _connect(daemon)
    assert _line(sock).startswith("220 ")
    for command in commands:
        sock.sendall(command + b"\r\n")
        while _line(sock)[3:4] == "-":
            pass
    return sock


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def _serves(daemon: Daemon) -> None:
    before = set(daemon.messages())
    subject = f"still here {len(before)}"
    daemon.send(mail(subject))
    assert [path for path in daemon.messages() if path not in before and subject in path.read_text()]


# Caps


def test_connections_are_capped(tmp_path):
    with Daemon(tmp_path, config_text(top="max_connections = 3")) as daemon:
        held = [_greeted(daemon) for _ in range(3)]
        with _connect(daemon) as fourth:
            assert _line(fourth) == replies.TOO_MANY_CONNECTIONS.line
            assert _line(fourth) == ""
        daemon.wait_log("event=connection-refused ")
        held.pop().close()
        _until_greeted(daemon)
        for sock in held:
            sock.close()


def _until_greeted(daemon: Daemon) -> None:
    """The daemon learns of a closed connection by itself; until then a new one may be refused."""
    for _ in range(1000):
        with _connect(daemon) as sock:
            if _line(sock).startswith("220 "):
                return
    pytest.fail("never accepted again")


def test_loopback_has_no_cap_of_its_own(tmp_path):
    with Daemon(tmp_path, config_text(top="max_connections_per_peer = 1")) as daemon:
        first, second = _greeted(daemon), _greeted(daemon)
        first.close()
        second.close()


def test_who_talks_before_the_greeting_is_sent_away(busy):
    os.kill(busy.pid, signal.SIGSTOP)  # so that what the peer says is there before anybody accepts
    try:
        sock = _connect(busy)
        sock.sendall(b"EHLO early.test\r\nMAIL FROM:<a@sender.test>\r\n")
    finally:
        os.kill(busy.pid, signal.SIGCONT)
    with sock:
        assert _line(sock) == replies.EARLY_TALKER.line
    _serves(busy)


def test_exhausted_descriptors_are_survived(busy):
    """EMFILE at accept: said once, and everybody is served when descriptors are back."""
    process = psutil.Process(busy.pid)
    with _greeted(busy, b"EHLO held.test"):
        usual = process.rlimit(psutil.RLIMIT_NOFILE)
        process.rlimit(psutil.RLIMIT_NOFILE, (process.num_fds() + 2, usual[1]))
        waiting = [_connect(busy) for _ in range(20)]
        busy.wait_log("event=accept-failed ")
        assert len([line for line in busy.log if "event=accept-failed" in line]) == 1
        process.rlimit(psutil.RLIMIT_NOFILE, usual)
        for sock in waiting:
            assert _line(sock).startswith("220 ")
            sock.close()
    _serves(busy)


def test_the_descriptor_limit_is_raised_and_hooks_do_not_get_it(tmp_path):
    daemon = Daemon(tmp_path)
    daemon.wrapper = ["prlimit", "--nofile=300:600"]  # becomes the daemon by exec
    daemon.start()
    daemon.wrapper = []
    try:
        process = psutil.Process(daemon.pid)
        assert process.rlimit(psutil.RLIMIT_NOFILE) == (600, 600)
        assert {child.rlimit(psutil.RLIMIT_NOFILE) for child in process.children()} == {(300, 600)}
        assert [
            line for line in daemon.log if "event=descriptor-limit nofile=600 max_connections=512 served=150" in line
        ]
        daemon.write_config(config_text(top="max_connections = 151"))
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_log("event=descriptor-limit nofile=600 max_connections=151 served=150")
    finally:
        daemon.stop()
        daemon.close()


# Who is who


def _in_process(address: str, tree: Path, top: str, script: Callable[[int], Awaitable[None]]) -> None:
    """A listener on `address`, and the script with its port."""

    async def main() -> None:
        stage = Stage(tree, top=top)
        listener = SmtpListener(bind_smtp((address, 0)), stage.services(), lambda: None)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.serve)
            with trio.fail_after(30):
                await script(int(listener.address.rpartition(":")[2]))
            nursery.cancel_scope.cancel()

    trio.run(main)


async def _heard(stream: trio.SocketStream) -> str:
    return (await stream.receive_some()).decode().rstrip("\r\n")


def test_an_ipv4_peer_of_an_ipv6_socket_is_an_ipv4_peer(tmp_path):
    async def script(port):
        async with await trio.open_tcp_stream("127.0.0.1", port) as first:
            assert (await _heard(first)).startswith("220 ")
            async with await trio.open_tcp_stream("127.0.0.1", port) as second:
                assert (await _heard(second)).startswith("220 "), "loopback has no cap, in either notation"

    _in_process("::", tmp_path, "max_connections_per_peer = 1", script)


def _own_address() -> str:
    """The address that others see; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return probe.getsockname()[0]


def test_one_peer_does_not_take_all_connections(tmp_path):
    own = _own_address()

    async def script(port):
        async with await trio.open_tcp_stream(own, port) as first:
            assert (await _heard(first)).startswith("220 ")
            async with await trio.open_tcp_stream(own, port) as second:
                assert await _heard(second) == replies.TOO_MANY_FROM_PEER.line
            async with await trio.open_tcp_stream("127.0.0.1", port) as other:
                assert (await _heard(other)).startswith("220 ")

    _in_process("0.0.0.0", tmp_path, "max_connections_per_peer = 1", script)


# Abuse


def _rst_mid_command(daemon):
    sock = _greeted(daemon)
    sock.sendall(b"EHLO x")
    _reset(sock)


def _rst_after_greeting(daemon):
    _reset(_greeted(daemon))


def _rst_mid_data(daemon):
    sock = _greeted(daemon, b"HELO x", b"MAIL FROM:<a@sender.test>", f"RCPT TO:<ops@{DOMAIN}>".encode(), b"DATA")
    sock.sendall(b"From: a\r\n\r\n" + b"x" * 400_000)
    _reset(sock)


def _rst_mid_starttls(daemon):
    _reset(_greeted(daemon, b"EHLO x", b"STARTTLS"))


def _tls_garbage(daemon):
    sock = _greeted(daemon, b"EHLO x", b"STARTTLS")
    sock.sendall(os.urandom(3000))
    _reset(sock)


def _tls_cut_mid_record(daemon):
    sock = _greeted(daemon, b"EHLO x", b"STARTTLS")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    hello = context.wrap_bio(incoming, outgoing)
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    sock.sendall(outgoing.read()[:100])
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(4096):
        pass
    sock.close()


def _half_close(daemon):
    with _greeted(daemon, b"EHLO x") as sock:
        sock.sendall(b"NOOP\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert _line(sock) == replies.OK.line
        assert _line(sock) == ""


def _long_line(daemon):
    with _greeted(daemon) as sock:
        sock.sendall(b"x" * 100_000 + b"\r\n")
        assert _line(sock) == replies.LINE_TOO_LONG.line


def _replies_unread(daemon):
    sock = _greeted(daemon)
    sock.sendall(b"NOOP\r\n" * 2000)
    _reset(sock)


ABUSE = [
    _rst_mid_command, _rst_after_greeting, _rst_mid_data, _rst_mid_starttls, _tls_garbage, _tls_cut_mid_record,
    _half_close, _long_line, _replies_unread,
]  # fmt: skip


@pytest.mark.parametrize("abuse", ABUSE, ids=lambda abuse: abuse.__name__.strip("_"))
def test_the_server_survives(busy, abuse):
    _serves(busy)
    process = psutil.Process(busy.pid)
    for _ in range(20):
        abuse(busy)
    _serves(busy)
    _until_idle(busy, process)
    assert not [line for line in busy.log if "event=smtp-session" in line], "an error nobody foresaw"


def _until_idle(daemon: Daemon, process: psutil.Process) -> None:
    """Every session of the test has ended: only the listening socket is left on the port."""
    for _ in range(200):
        if not [c for c in process.net_connections("tcp") if c.laddr.port == daemon.port and c.raddr]:
            return
        daemon.send(mail("meanwhile"))
    pytest.fail("sessions of peers that are gone still run")


def test_a_session_that_comes_octet_by_octet(busy):
    before = len(busy.messages())
    script = (
        b"EHLO slow.test\r\nMAIL FROM:<a@sender.test>\r\nRCPT TO:<ops@agent.test>\r\nDATA\r\n"
        b"From: a@sender.test\r\nSubject: octets\r\n\r\n..dot\r\n.\r\nQUIT\r\n"
    )
    with _connect(busy) as sock:
        assert _line(sock).startswith("220 ")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for octet in script:
            sock.sendall(bytes([octet]))
        said = b""
        while piece := sock.recv(65536):
            said += piece
    assert said.splitlines()[-2:] == [replies.ACCEPTED.line.encode(), replies.BYE.line.encode()]
    assert len(busy.messages()) == before + 1


POINTS = [
    b"", b"EH", b"LO x.test\r\n", b"MAIL FROM:", b"<a@sender.test>\r\n", b"RCPT TO:<ops@agent.test>", b"\r\n",
    b"DATA\r\n", b"From: a@sender.test\r\n", b"\r\nText\r\n", b".\r", b"\nNOOP\r\n", b"QUIT\r\n",
]  # fmt: skip


@pytest.mark.parametrize("leave", [_reset, socket.socket.close], ids=["RST", "FIN"])
@pytest.mark.parametrize("point", range(len(POINTS)))
def test_a_peer_that_leaves_at_any_point(busy, point, leave):
    """Before the last dot nothing is stored; behind it, at most the one message."""
    before = set(busy.messages())
    with _connect(busy) as sock:
        assert _line(sock).startswith("220 ")
        for piece in POINTS[: point + 1]:
            sock.sendall(piece)
        leave(sock)
    _serves(busy)
    _until_idle(busy, psutil.Process(busy.pid))
    stored = [path for path in busy.messages() if path not in before and "Text" in path.read_text()]
    assert len(stored) <= (point >= 11)


# The end


def test_sigterm_tells_idle_sessions_and_lets_a_message_finish(tmp_path):
    with Daemon(tmp_path) as daemon:
        idle = _greeted(daemon, b"EHLO idle.test")
        writing = _greeted(daemon, b"HELO x", b"MAIL FROM:<a@sender.test>", b"RCPT TO:<ops@agent.test>", b"DATA")
        writing.sendall(b"From: a@sender.test\r\n")
        os.kill(daemon.pid, signal.SIGTERM)
        assert _line(idle) == replies.SHUTTING_DOWN.line
        with pytest.raises(OSError):
            _until_refused(daemon)
        writing.sendall(b"Subject: last\r\n\r\nx\r\n.\r\nMAIL FROM:<b@sender.test>\r\n")
        assert _line(writing) == replies.ACCEPTED.line
        assert _line(writing) == replies.SHUTTING_DOWN.line
        idle.close()
        writing.close()
        assert daemon.process.wait(30) == 0
        assert len(daemon.messages()) == 1


def _until_refused(daemon: Daemon) -> None:
    for _ in range(10_000):
        _connect(daemon).close()


def test_a_second_sigterm_does_not_wait(tmp_path):
    with Daemon(tmp_path) as daemon:
        with _greeted(daemon, b"HELO x", b"MAIL FROM:<a@sender.test>", b"RCPT TO:<ops@agent.test>", b"DATA"):
            os.kill(daemon.pid, signal.SIGTERM)
            daemon.wait_log("event=stopping ")
            os.kill(daemon.pid, signal.SIGTERM)
            assert daemon.process.wait(20) == 0
        assert daemon.messages() == []


# The certificate


def _certificate(daemon: Daemon) -> bytes:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with _greeted(daemon, b"EHLO x", b"STARTTLS") as sock, context.wrap_socket(sock) as secure:
        found = secure.getpeercert(binary_form=True)
        assert found is not None
        return found


def test_reload_takes_a_new_certificate_and_keeps_the_old_one_when_it_is_bad(tmp_path):
    daemon = Daemon(tmp_path / "tree")
    cert, key = write_pair(tmp_path / "tls")
    daemon.arguments = ["--tls-cert", str(cert), "--tls-key", str(key)]
    with daemon:
        first = _certificate(daemon)
        other_cert, other_key = write_pair(tmp_path / "other")
        cert.write_bytes(other_cert.read_bytes())
        os.kill(daemon.pid, signal.SIGHUP)
        line = daemon.wait_log("event=certificate-reload-failed ")
        assert "does not belong to" in line
        daemon.wait_log("event=config-reloaded ")
        assert _certificate(daemon) == first
        key.write_bytes(other_key.read_bytes())
        os.kill(daemon.pid, signal.SIGHUP)
        daemon.wait_log("event=config-reloaded ")
        assert _certificate(daemon) != first


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
def test_nothing_older_than_tls_1_2(busy, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.minimum_version = context.maximum_version = version
    with _greeted(busy, b"EHLO x", b"STARTTLS") as sock, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(sock)
    _serves(busy)


HELLO_OF_NOTHING = b"\x16\x03\x01\x00\x05\x01\xff\xff\xff\xff" * 9


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n\r\n", bytes(300), HELLO_OF_NOTHING], ids=["HTTP", "zeros", "TLS"]
)
def test_garbage_in_place_of_a_handshake_ends_that_session_alone(busy, said):
    with _greeted(busy, b"EHLO other.test") as other, _greeted(busy, b"EHLO x", b"STARTTLS") as sock:
        sock.sendall(said)
        sock.settimeout(20)
        heard = b""
        with contextlib.suppress(ConnectionError):
            while piece := sock.recv(4096):
                heard += piece
        assert b"250" not in heard
        other.sendall(b"NOOP\r\n")
        assert _line(other) == replies.OK.line
    _serves(busy)


def _no_file(cert, key):
    key.unlink()
    return f"TLS file {key} cannot be read: No such file or directory"


def _no_cert(cert, key):
    cert.write_text("hello")
    return f"TLS certificate {cert} is not a PEM certificate"


def _no_key(cert, key):
    key.write_text("hello")
    return f"TLS key {key} is not a PEM private key"


def _stranger(cert, key):
    key.write_bytes(write_pair(cert.parent / "other")[1].read_bytes())
    return f"TLS key {key} does not belong to the certificate {cert}"


def _locked(cert, key):
    argv = ["openssl", "pkey", "-aes128", "-passout", "pass:x", "-in", str(key), "-out", f"{key}.locked"]
    subprocess.run(argv, check=True)
    os.rename(f"{key}.locked", key)
    return f"TLS key {key} is protected by a passphrase; aimx needs one without"


@pytest.mark.parametrize(
    "damage", [_no_file, _no_cert, _no_key, _stranger, _locked], ids=lambda d: d.__name__.strip("_")
)
def test_a_bad_certificate_is_named(tmp_path, damage):
    cert, key = write_pair(tmp_path)
    server_context(cert, key)
    message = damage(cert, key)
    with pytest.raises(Failed) as caught:
        server_context(cert, key)
    assert caught.value.reason == message


def test_serve_does_not_start_with_a_bad_certificate(tmp_path):
    (tmp_path / "config.toml").write_text(config_text())
    argv = [sys.executable, "-m", "aimx.cli.main", "serve", "--bind", "127.0.0.1:0"]
    argv += ["--tls-cert", str(tmp_path / "no.pem"), "--tls-key", str(tmp_path / "no.key")]
    env = {**os.environ, "AIMX_CONFIG_DIR": str(tmp_path), "AIMX_DATA_DIR": str(tmp_path / "d")}
    run = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60)
    assert run.returncode == 1
    assert f"TLS file {tmp_path / 'no.pem'} cannot be read: No such file or directory" in run.stderr


def test_limits_fit_together():
    assert limits.BACKLOG >= 512
    assert limits.SPILL_OCTETS * limits.CONNECTIONS <= limits.MEMORY_OCTETS
