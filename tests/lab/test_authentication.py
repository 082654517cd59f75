"""Authentication end to end: dnsmasq has the records, the real resolver asks it, the real daemon writes the files."""

import shutil
import socket
import subprocess
import time
import tomllib

import pytest

from tests.harness import DOMAIN, Daemon, config_text
from tests.mailauth.signing import message, record, sign

pytestmark = pytest.mark.lab

RECORDS = {
    "company.test": "v=spf1 ip4:127.0.0.1 -all",
    "_dmarc.company.test": "v=DMARC1; p=reject; adkim=s",
    "s1._domainkey.company.test": record("rsa4096"),
    "ed._domainkey.company.test": record("ed25519"),
    "evil.test": "v=spf1 include:_spf.evil.test ~all",
    "_spf.evil.test": "v=spf1 ip4:127.0.0.0/8 -all",
    "s1._domainkey.evil.test": record(),
}
VERIFIED = 'trust = "verified"\ntrusted_senders = ["*@company.test"]'


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def dnsmasq(tmp_path_factory):
    """The address of a dnsmasq with the records: authoritative for `test`, forwarding nothing."""
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        pytest.skip("dnsmasq is not installed")
    path = tmp_path_factory.mktemp("dns") / "dnsmasq.conf"
    port = _free_port()
    lines = ["no-resolv", "no-hosts", "local=/test/", "bind-interfaces", "listen-address=127.0.0.1", f"port={port}"]
    for name, text in RECORDS.items():
        pieces = ",".join(f'"{text[start : start + 250]}"' for start in range(0, len(text), 250))
        lines.append(f"txt-record={name},{pieces}")
    lines.append("cname=s2._domainkey.company.test,s1._domainkey.company.test")
    path.write_text("\n".join(lines) + "\n")
    command = [program, "--keep-in-foreground", "--user=root", "--pid-file", "--log-facility=-", f"--conf-file={path}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 10
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            pytest.fail(f"dnsmasq does not answer: {process.communicate()[1]!r}")
    yield f"127.0.0.1:{port}"
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def daemon(dnsmasq, tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("tree"), config_text(top=VERIFIED), AIMX_TEST_DNS=dnsmasq) as running:
        yield running


CASES = {
    "own-rsa": (sign(message(b"boss@company.test"), "rsa4096", d="company.test"), "a@company.test",
                ("pass", "pass", "pass", "true", "aligned-dkim:company.test")),
    "own-ed25519": (sign(message(b"boss@company.test"), "ed25519", d="company.test", s="ed"), "a@company.test",
                    ("pass", "pass", "pass", "true", "aligned-dkim:company.test")),
    "key-behind-an-alias": (
        sign(message(b"boss@company.test"), "rsa4096", d="company.test", s="s2"), "a@evil.test",
        ("pass", "pass", "pass", "true", "aligned-dkim:company.test")),
    "signed-by-evil": (sign(message(b"boss@company.test"), d="evil.test"), "a@evil.test",
                       ("pass", "pass", "fail", "false", "dkim-unaligned:evil.test")),
    "tampered": (sign(message(b"boss@company.test"), "rsa4096", d="company.test") + b"Pay me.\r\n", "a@evil.test",
                 ("fail", "pass", "fail", "false", "dkim-fail")),
    "unsigned": (message(b"boss@company.test"), "a@company.test", ("none", "pass", "pass", "false", "dkim-none")),
    "nobody": (message(b"x@absent.test"), "x@absent.test", ("none", "none", "none", "false", "sender-not-listed")),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_message_is_authenticated_end_to_end(daemon, case):
    octets, sender, expected = CASES[case]
    before = set(daemon.messages())
    daemon.send(octets, sender=sender)
    (path,) = set(daemon.messages()) - before
    fields = tomllib.loads(path.read_text().split("+++\n", 2)[1])
    found = tuple(fields[key] for key in ("dkim", "spf", "dmarc", "trusted", "trust_reason"))
    assert found == expected, fields.get("auth_detail")
    assert fields["delivered_to"] == f"ops@{DOMAIN}"


def test_the_daemon_says_that_its_dns_is_a_test(daemon, dnsmasq):
    assert any("event=test-dns" in line and dnsmasq in line for line in daemon.log)
