"""The remote mail server that the demo plays."""

import smtplib

import pytest

from aimx.demo.mailserver import MailServer


@pytest.fixture
def server(tmp_path):
    arrived = []
    running = MailServer(tmp_path, arrived.append)
    running.arrived = arrived
    yield running
    running.close()


def test_what_arrives_is_kept_octet_for_octet(server):
    octets = b"Subject: Hi\r\n\r\n.dot\r\n..two\r\n\xc3\xbc\r\n"
    with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=60) as client:
        client.sendmail("a@b.test", ["c@d.test"], octets)
        client.sendmail("a@b.test", ["c@d.test", "e@d.test"], octets)
    assert [path.name for path in server.arrived] == ["1.eml", "2.eml"]
    assert all(path.read_bytes() == octets for path in server.arrived)


def test_a_client_that_leaves_in_the_middle_leaves_nothing(server, tmp_path):
    with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=60) as client:
        client.ehlo()
        client.mail("a@b.test")
        client.rcpt("c@d.test")
        client.docmd("DATA")
        client.send(b"Subject: Hi\r\n")
        client.close()
    with smtplib.SMTP("127.0.0.1", server.port, "client.test", timeout=60) as client:
        assert client.docmd("VRFY x")[0] == 500
    assert not list(tmp_path.iterdir())
