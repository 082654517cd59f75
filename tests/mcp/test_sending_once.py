"""Sends under a key over restarts and crashes of the daemon: the answer is the first, or unknown, and nothing twice."""

import threading

import pytest

from tests import mx
from tests.harness import Daemon, config_text
from tests.mailauth import signing
from tests.mcp.agent import ERAS, Agent

LETTER = {"from_mailbox": "ops", "to": "ok@one.test", "subject": "s", "body": "b"}


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    """A daemon, and the server that it delivers to."""
    server = mx.Server()
    tree = tmp_path_factory.mktemp("once")
    daemon = Daemon(tree, config_text("", "allow_private_mx = true"), mx.ZONE, AIMX_TEST_MX_PORT=str(server.port))
    signing.install(daemon.etc)
    with daemon:
        yield daemon, server
    server.close()


def test_the_first_answer_outlives_the_daemon_and_what_it_was_killed_at_is_never_sent_twice(office, monkeypatch):
    daemon, server = office
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(daemon.run))
    agents = {era: Agent(era) for era in ERAS}
    first = {era: agent("email_send", **LETTER, idempotency_key=f"key {era}") for era, agent in agents.items()}
    refused = agents["modern"]("email_send", **LETTER | {"to": "no@one.test"}, idempotency_key="refused")
    lost = LETTER | {"to": "hold@one.test", "subject": "lost", "idempotency_key": "lost"}
    answers = []
    call = threading.Thread(target=lambda: answers.append(agents["modern"]("email_send", **lost)))
    call.start()
    assert server.held.wait(60)
    daemon.kill()
    call.join(60)
    server.go.set()
    daemon.start()
    (broken,) = answers
    assert broken.text.startswith("DELIVERY: outcome unknown: may have been delivered: the ")
    assert broken.text.endswith("; look into the sent folder before you send it again")
    for era, agent in agents.items():
        assert agent("email_send", **LETTER, idempotency_key=f"key {era}") == first[era]
        assert agent("email_send", **LETTER | {"to": "no@one.test"}, idempotency_key="refused") == refused
        again = agent("email_send", **lost)
        assert again.text.startswith("DELIVERY: outcome unknown: may have been delivered; the daemon was interrupted")
        other = agent("email_send", **lost | {"body": "other"})
        assert other.text.startswith("ECONFLICT: ")
    assert sum(b"Subject: s\r\n" in octets for _, octets in server.taken) == 2
    assert sum(b"Subject: lost\r\n" in octets for _, octets in server.taken) <= 1
    rows = agents["modern"]("email_list", mailbox="ops", folder="sent", subject="lost").rows
    assert [row["delivery_status"] for row in rows] == ["pending"]
