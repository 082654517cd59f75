"""A peer that vanishes behind a 250 may send again: R5, on the real daemon."""

import smtplib

import pytest

from tests.harness import DOMAIN, Daemon, mail


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("repeats")) as daemon:
        yield daemon


@pytest.fixture
def stored(server):
    """How many messages this test has stored."""
    before = len(server.messages())
    return lambda: len(server.messages()) - before


def _transaction(client: smtplib.SMTP, octets: bytes, sender: str = "a@sender.test") -> None:
    client.mail(sender)
    client.rcpt(f"ops@{DOMAIN}")
    assert client.data(octets)[0] == 250


def _vanish(server: Daemon, octets: bytes) -> None:
    client = server.smtp()
    _transaction(client, octets)
    client.close()
    server.wait_log("event=unseen ")


def test_the_repeat_of_a_peer_that_vanished_is_not_stored_again(server, stored):
    _vanish(server, mail("once"))
    server.send(mail("once"))
    assert stored() == 1
    server.wait_log("event=duplicate ")
    server.send(mail("once"))
    assert stored() == 2, "the exception is used up"


@pytest.mark.parametrize(
    ("first", "second", "sender"),
    [
        ("octets", mail("octets", "Other.\r\n"), "a@sender.test"),
        ("reverse-path", mail("reverse-path"), "b@sender.test"),
        ("header", mail("header", To="ops"), "a@sender.test"),
    ],
    ids=["other octets", "other reverse-path", "other header"],
)
def test_anything_else_is_a_new_message(server, stored, first, second, sender):
    _vanish(server, mail(first))
    server.send(second, sender=sender)
    assert stored() == 2


def test_whoever_says_one_word_more_has_read_the_answer(server, stored):
    client = server.smtp()
    _transaction(client, mail("twice"))
    client.noop()
    client.close()
    server.send(mail("twice"))
    server.send(mail("twice"))
    assert stored() == 3


def test_another_peer_sends_a_message_of_its_own(server, stored):
    _vanish(server, mail("peer"))
    with smtplib.SMTP("127.0.0.1", server.port, "client.test", 60, source_address=("127.0.0.2", 0)) as client:
        client.ehlo()
        _transaction(client, mail("peer"))
    assert stored() == 2
