"""What the daemon sends, brought to mail servers on loopback: its own, and somebody else's."""

import socket
import threading
import tomllib

import pytest

from aimx import client
from aimx.wire.frames import Send
from tests.harness import DOMAIN, Daemon, config_text, owner
from tests.mailauth import signing

PUBLIC = "203.0.113.5"
BOSS = (
    f'[mailboxes.boss]\naddress = "boss@{DOMAIN}"\nowner = "{owner()}"\ntrust = "verified"\ntrusted_senders = ["ops@*"]'
)
LINES = (b"220 mx.remote.test ESMTP\r\n", b"250-mx\r\n250 PIPELINING\r\n", b"250 ok\r\n250 ok\r\n354 go\r\n",
         b"250 2.0.0 queued as 77\r\n")  # fmt: skip


class Mx(threading.Thread):
    """Takes one message from one connection."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.heard = b""

    def run(self) -> None:
        """In the thread."""
        self.listening.settimeout(60)
        connection, _ = self.listening.accept()
        with connection, self.listening:
            connection.settimeout(60)
            for line, until in zip(LINES, (b"\r\n", b"DATA\r\n", b"\r\n.\r\n", b"QUIT\r\n"), strict=True):
                connection.sendall(line)
                while not self.heard.endswith(until):
                    self.heard += connection.recv(65536)


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    """A daemon whose zone publishes its key, its address and a foreign mail server."""
    mx = Mx()
    mx.start()
    zone = {
        DOMAIN: {"A": [PUBLIC], "TXT": [f"v=spf1 ip4:{PUBLIC} -all"]},
        "remote.test": {"MX": ["10 mx.remote.test."]},
        "mx.remote.test": {"A": ["127.0.0.1"]},
        "closed.test": {"MX": ["0 ."]},
        f"aimx._domainkey.{DOMAIN}": {"TXT": [signing.record()]},
    }
    daemon = Daemon(
        tmp_path_factory.mktemp("deliver"), config_text(BOSS, "allow_private_mx = true"), zone,
        AIMX_TEST_MX_PORT=str(mx.port),
    )  # fmt: skip
    signing.install(daemon.etc)
    with daemon:
        daemon.mx = mx
        yield daemon


def send(daemon, rcpt, subject="Hello"):
    """One short message."""
    message = f"From: Ops <ops@{DOMAIN}>\r\nTo: {rcpt}\r\nSubject: {subject}\r\n\r\n# Hi\r\n"
    return client.call(daemon.socket, Send(message.encode()))


def fields(path):
    """The frontmatter of a message file."""
    return tomllib.loads(path.read_text().split("+++\n", 2)[1])


def test_one_agent_writes_to_another(sender):
    assert send(sender, f"boss@{DOMAIN}").kind == "ok"
    (path,) = sender.messages("boss")
    seen = fields(path)
    assert (seen["spf"], seen["dkim"], seen["trusted"], seen["received_from_ip"]) == ("pass", "pass", "true", PUBLIC)


def test_a_stranger_on_loopback_is_not_us(sender):
    sender.send(signing.message(f"ops@{DOMAIN}".encode()), f"ops@{DOMAIN}", sender=f"ops@{DOMAIN}")
    assert fields(sender.messages("ops")[-1])["received_from_ip"] == "127.0.0.1"


def test_a_message_reaches_a_foreign_mail_server(sender):
    answer = send(sender, "bob@remote.test", "Across")
    assert answer.kind == "ok", answer
    sender.mx.join(30)
    assert b"RCPT TO:<bob@remote.test>\r\nDATA\r\n" in sender.mx.heard
    octets = sender.mx.heard.partition(b"DATA\r\n")[2].removesuffix(b".\r\nQUIT\r\n")
    assert signing.verifies(octets)


def test_refusals_carry_their_reason(sender):
    answer = send(sender, "x@closed.test")
    assert (answer.code, "accepts no mail" in answer.reason) == ("DELIVERY", True), answer
    answer = send(sender, f"nobody@{DOMAIN}")
    assert (answer.code, "user unknown" in answer.reason) == ("DELIVERY", True), answer


def test_another_port_than_25_is_announced(sender):
    assert any("event=test-mx-port" in line for line in sender.log)


@pytest.mark.parametrize("bind", ["127.0.0.2:0", "[::1]:0", "[::]:0"])
def test_we_reach_ourselves_wherever_we_listen(tmp_path, bind):
    daemon = Daemon(tmp_path, config_text(BOSS), {DOMAIN: {"A": [PUBLIC]}})
    daemon.arguments = ["--bind", bind]
    signing.install(daemon.etc)
    with daemon:
        answer = send(daemon, f"boss@{DOMAIN}")
        assert answer.kind == "ok", answer
        assert fields(daemon.messages("boss")[0])["received_from_ip"] == PUBLIC
