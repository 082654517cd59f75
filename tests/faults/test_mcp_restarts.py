"""Over restarts and crashes of the daemon: a key gets its first answer, or unknown, and nothing twice; waits go on."""

import json
import threading

import pytest
import trio

from aimx import client, limits
from aimx.wire.frames import Ingest, Status
from tests import mx
from tests.faults.tally import TALLY
from tests.harness import DOMAIN, Daemon, config_text, mail
from tests.mailauth import signing
from tests.mcp.agent import ERAS, Agent
from tests.mcp.test_waiting_tool import waiting

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
    TALLY.fault("kill -9 while a tool waits")
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


def test_a_wait_goes_on_over_a_restart(office, monkeypatch):
    daemon, _ = office
    monkeypatch.setenv("AIMX_RUNTIME_DIR", str(daemon.run))
    monkeypatch.setattr(limits, "WAIT_PROGRESS_S", 0.01)

    def receive():
        return json.loads(client.call(daemon.socket, Ingest(f"ops@{DOMAIN}", mail())).body)["id"]

    def status():
        return json.loads(client.call(daemon.socket, Status()).body)

    def restarted():
        daemon.stop()
        daemon.start()
        return receive()

    asked = {"mailbox": "ops", "timeout_s": limits.WAIT_MAX_S, "since": status()["cursor"]}
    both, found = trio.Event(), []

    async def one(era):
        async def progressed(*_):
            if not both.is_set() and status()["watchers"]["now"] == len(ERAS):
                both.set()

        found.append(await waiting(Agent(era), progressed, **asked))

    async def story():
        async with trio.open_nursery() as nursery:
            for era in ERAS:
                nursery.start_soon(one, era)
            await both.wait()
            return await trio.to_thread.run_sync(restarted)

    email_id = trio.run(story)
    assert [told.text for told in found if told.failed] == []
    assert [[email["id"] for email in told.structured["emails"]] for told in found] == [[email_id]] * 2
