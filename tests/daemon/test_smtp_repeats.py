"""A peer that vanishes behind a 250 may send again: R5, on the real daemon."""

import smtplib

import pytest

from tests.harness import DOMAIN, mail


def _transaction(client: smtplib.SMTP, octets: bytes, sender: str = "a@sender.test") -> None:
    client.mail(sender)
    client.rcpt(f"ops@{DOMAIN}")
    assert client.data(octets)[0] == 250


def _vanish(daemon, octets: bytes) -> None:
    client = daemon.smtp()
    _transaction(client, octets)
    client.close()
    daemon.wait_log("event=unseen ")


def test_the_repeat_of_a_peer_that_vanished_is_not_stored_again(daemon):
    _vanish(daemon, mail("once"))
    daemon.send(mail("once"))
    assert len(daemon.messages()) == 1
    daemon.wait_log("event=duplicate ")
    daemon.send(mail("once"))
    assert len(daemon.messages()) == 2, "the exception is used up"


@pytest.mark.parametrize(
    ("octets", "sender"),
    [(mail("other"), "a@sender.test"), (mail("once"), "b@sender.test"), (mail("once", To="ops"), "a@sender.test")],
    ids=["other octets", "other reverse-path", "other header"],
)
def test_anything_else_is_a_new_message(daemon, octets, sender):
    _vanish(daemon, mail("once"))
    daemon.send(octets, sender=sender)
    assert len(daemon.messages()) == 2


def test_whoever_says_one_word_more_has_read_the_answer(daemon):
    client = daemon.smtp()
    _transaction(client, mail("twice"))
    client.noop()
    client.close()
    daemon.send(mail("twice"))
    daemon.send(mail("twice"))
    assert len(daemon.messages()) == 3
