"""Sent by `aimx send`, taken by Postfix, judged by others: OpenDKIM, dkimpy as it is, and authheaders for DMARC."""

import email
import email.policy
import re

import pytest

from tests.lab import world
from tests.lab.exchange import ALICE, MARKDOWN

pytestmark = [pytest.mark.lab, pytest.mark.root]


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    world.need("postfix", "opendkim-testmsg")
    pytest.importorskip("authheaders", reason="authheaders checks DMARC")
    return world.play("tests.lab.exchange", tmp_path_factory.mktemp("exchange"))


# Exit code, and the record's status: None where none is kept.
OUTCOMES = {
    "tls": (0, "delivered"),
    "plain": (0, "delivered"),
    "text": (0, "delivered"),
    "attachment": (0, "delivered"),
    "unknown-user": (1, "failed"),
    "greylisted": (1, None),
    "too-big": (1, "failed"),
    "mixed": (1, "failed"),
    "agent-to-agent": (0, "delivered"),
    "not-the-owner": (1, None),
}


def _record(shown, case):
    found = [record for record in shown["records"] if record["subject"] == f"Grüße: {case}"]
    assert len(found) <= 1
    return found[0] if found else None


def _mails(shown, server):
    parsed = [email.message_from_string(mail["octets"], policy=email.policy.default) for mail in shown[server]]
    return {str(message["subject"]).partition(": ")[2]: message for message in parsed}


@pytest.mark.parametrize("case", OUTCOMES)
def test_what_postfix_says_is_what_the_caller_is_told(shown, case):
    code, status = OUTCOMES[case]
    assert shown["sent"][case]["exit"] == code, shown["sent"][case]
    record = _record(shown, case)
    assert (record["delivery_status"] if record else None) == status


REASONS = {
    "unknown-user": "550 5.1.1 <no@tls.test>: Recipient address rejected: User unknown in virtual mailbox table",
    "greylisted": "450 4.2.0 <later@tls.test>: Recipient address rejected: greylisted, come back later",
    "mixed": "no@tls.test: failed: 550 5.1.1",
    "not-the-owner": "not authorized",
}


@pytest.mark.parametrize("case", REASONS)
def test_the_remote_servers_words_reach_the_caller(shown, case):
    assert REASONS[case] in shown["sent"][case]["err"]
    record = _record(shown, case)
    assert record is None or REASONS[case] in record["delivery_details"]


def test_a_message_over_the_announced_size_is_not_sent(shown):
    """Postfix says SIZE in its greeting; the refusal needs no octet of the message."""
    assert "too-big" not in _mails(shown, "secure")
    assert re.search(r"5\.3\.4|size", _record(shown, "too-big")["delivery_details"], re.IGNORECASE)


def test_everything_that_was_delivered_is_in_a_maildir_once(shown):
    assert sorted(_mails(shown, "secure")) == ["attachment", "mixed", "text", "tls"]
    assert sorted(_mails(shown, "plain")) == ["plain", "tls"]
    assert (len(shown["secure"]), len(shown["plain"])) == (4, 2)


@pytest.mark.parametrize("server", ["secure", "plain"])
def test_opendkim_dkimpy_and_a_dmarc_verifier_agree_that_it_is_ours(shown, server):
    for mail in shown[server]:
        assert mail["opendkim"] == [0, ""]
        assert mail["dkimpy"] is True
        for verdict in ("spf=pass", "dkim=pass header.d=agent.test", "dmarc=pass"):
            assert verdict in mail["authheaders"]


def test_starttls_is_used_where_it_is_offered(shown):
    assert "Anonymous TLS connection established from" in shown["log"]["secure"]
    assert "TLS connection" not in shown["log"]["plain"]
    for message in _mails(shown, "secure").values():
        assert "ESMTPS" in message["received"]
    for message in _mails(shown, "plain").values():
        assert "ESMTPS" not in message["received"]


def test_a_markdown_mail_has_source_and_html(shown):
    message = _mails(shown, "secure")["tls"]
    assert (message["from"], message["to"], message["bcc"]) == (ALICE, "bob@tls.test", None)
    assert str(message["cc"]) == "Bob <bob@plain.test>"
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text.get_content().startswith(MARKDOWN.rstrip("\n"))
    assert "<table" in html.get_content()
    assert message["subject"] == "Grüße: tls"


def test_a_text_mail_has_its_text_only(shown):
    message = _mails(shown, "secure")["text"]
    assert message.get_content_type() == "text/plain"
    assert message.get_content().startswith("From the start\nline two \n.\n")


def test_an_attachment_arrives_octet_for_octet(shown):
    (file,) = _mails(shown, "secure")["attachment"].iter_attachments()
    assert file.get_filename() == "Ünïcode.bin"
    assert file.get_content() == bytes(range(256)) * 16


def test_one_agent_trusts_the_other_by_the_same_rules_as_anyone(shown):
    (received,) = shown["received"]
    verdicts = [received[key] for key in ("dkim", "spf", "dmarc", "trusted", "trust_reason")]
    assert verdicts == ["pass", "pass", "pass", "true", "aligned-dkim:agent.test"]
    assert received["subject"] == "Grüße: agent-to-agent"
    assert received["body"].startswith("# Grüße")


def test_the_daemon_was_told_of_no_test(shown):
    assert "event=test-" not in shown["log"]["daemon"]
