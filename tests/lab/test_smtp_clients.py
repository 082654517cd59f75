"""Clients that we did not write: swaks and openssl."""

import shutil
import subprocess

import pytest

from tests.daemon.pem import write_pair
from tests.harness import DOMAIN, Daemon

pytestmark = pytest.mark.lab


def _need(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    tree = tmp_path_factory.mktemp("clients")
    daemon = Daemon(tree)
    cert, key = write_pair(tree / "tls")
    daemon.arguments = ["--tls-cert", str(cert), "--tls-key", str(key)]
    with daemon:
        yield daemon


def _swaks(server: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [_need("swaks"), "--server", "127.0.0.1", "--port", str(server.port), "--from", "a@sender.test"]
    run = subprocess.run(
        [*argv, "--helo", "client.test", "--timeout", "30", *arguments], capture_output=True, text=True, timeout=120
    )
    if "TLS not available" in run.stderr:
        pytest.skip(f"swaks: {run.stderr.strip()}")
    return run


@pytest.mark.parametrize(
    "arguments",
    [[], ["--tls"], ["--pipeline"], ["--tls", "--pipeline"], ["--protocol", "SMTP"]],
    ids=["plain", "TLS", "pipelining", "TLS and pipelining", "HELO"],
)
def test_swaks_delivers(server, arguments):
    before = len(server.messages())
    run = _swaks(server, "--to", f"ops@{DOMAIN}", *arguments)
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(server.messages()) == before + 1
    assert "*** Error" not in run.stdout + run.stderr


def test_swaks_delivers_an_attachment_of_five_megabytes(server, tmp_path):
    file = tmp_path / "five.bin"
    file.write_bytes(bytes(range(256)) * 4096 * 5)
    before = len(server.messages())
    run = _swaks(server, "--to", f"ops@{DOMAIN}", "--tls", "--attach", f"@{file}")
    assert run.returncode == 0, run.stderr
    assert len(server.messages()) == before + 1
    (stored,) = list(server.data.glob("inbox/ops/*/five.bin"))
    assert stored.read_bytes() == file.read_bytes()


def test_swaks_leaves_after_tls_and_nothing_is_kept(server):
    before = len(server.messages())
    run = _swaks(server, "--to", f"ops@{DOMAIN}", "--tls", "--quit-after", "RCPT")
    assert run.returncode == 0, run.stdout + run.stderr
    assert len(server.messages()) == before


def test_swaks_is_told_when_a_message_is_larger_than_we_take(server, tmp_path):
    file = tmp_path / "big.bin"
    file.write_bytes(b"\0" * 20 * 1024 * 1024)  # in base64 more than 25 MiB
    run = _swaks(server, "--to", f"ops@{DOMAIN}", "--attach", f"@{file}")
    assert run.returncode == 26  # swaks(1): the message was not accepted
    assert "552 5.3.4" in run.stdout


def test_swaks_is_told_when_a_recipient_is_not_ours(server):
    run = _swaks(server, "--to", "x@elsewhere.test")
    assert run.returncode == 24  # swaks(1): no recipient was accepted
    assert "550 5.7.1 relay not permitted" in run.stdout


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_speaks_after_starttls_and_is_taken_leave_of(server, version):
    argv = [_need("openssl"), "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{server.port}"]
    argv += [version, "-crlf", "-quiet", "-ign_eof"]
    run = subprocess.run(argv, input="EHLO client.test\nQUIT\n", capture_output=True, text=True, timeout=60)
    assert "250 SMTPUTF8" in run.stdout
    assert "221 2.0.0 bye" in run.stdout
    assert "unexpected eof" not in run.stderr, "the end of TLS is said, not cut"


def test_openssl_is_shown_our_certificate_and_ecdhe(server):
    argv = [_need("openssl"), "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{server.port}", "-crlf"]
    run = subprocess.run(argv, input="QUIT\n", capture_output=True, text=True, timeout=60)
    assert f"subject=CN = {DOMAIN}" in run.stdout
    assert "Server Temp Key: X25519" in run.stdout
    assert "Compression: NONE" in run.stdout


def test_openssl_gets_nothing_older_than_tls_1_2(server):
    argv = [_need("openssl"), "s_client", "-starttls", "smtp", "-connect", f"127.0.0.1:{server.port}"]
    argv += ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]
    run = subprocess.run(argv, input="QUIT\n", capture_output=True, text=True, timeout=60)
    assert run.returncode != 0
