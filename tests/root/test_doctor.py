"""Doctor as an ordinary user: what belongs to root is not checked, never wrong, and never shown."""

import json
import os

import pytest

from tests.harness import DOMAIN, mail
from tests.provision.test_doctor import ADDRESS, zone
from tests.root import dropping, users
from tests.root.commands import Commands

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b") as made:
        yield {"alice": made["a"], "bob": made["b"]}


@pytest.fixture(scope="module")
def daemon(people):
    with dropping.daemon({name: user.pw_name for name, user in people.items()}, people["bob"].pw_name) as running:
        (running.etc / "config.toml").chmod(0o640)
        (running.etc / "dkim" / "private.key").chmod(0o600)
        running.dns.zone = zone()
        running.send(mail(), f"alice@{DOMAIN}", f"bob@{DOMAIN}")
        yield running


@pytest.fixture(scope="module")
def report(daemon, people):
    with Commands(daemon.env) as commands:

        def run(who: str) -> tuple[int, dict]:
            done = commands.run(people[who].pw_uid if who in people else 0, "doctor", "--json")
            assert done.err == ""
            return done.code, json.loads(done.out)

        yield run


def _ids(told: dict) -> list[str]:
    usual = {"TEST-VARIABLE", "CLOCK-NOT-SYNCHRONISED", "TLS-MISSING", "LEGACY-AIMX-HOOK-USER", "DAEMON-SLOW"}
    usual |= {"DNS-NOT-CHECKED", "DNS-A", "DNS-SPF", "DNS-PTR"}  # whether this machine has a public address
    return [f"{found['severity']} {found['id']}" for found in told["checks"] if found["id"] not in usual]


def test_root_sees_everything(report):
    _, told = report("root")
    assert [box["name"] for box in told["mailboxes"]] == ["alice", "bob", "catchall"]
    assert _ids(told) == []
    assert told["configuration"]["dkim_key"] == "read"


def test_an_owner_sees_his_own(report, people):
    _, told = report("alice")
    (box,) = told["mailboxes"]
    assert (box["name"], box["owner"], box["total"], box["trust"]) == ("alice", people["alice"].pw_name, 1, "none")
    assert _ids(told) == ["skip CONFIG-NOT-CHECKED", "skip STATE-DB-NOT-CHECKED"]
    assert told["configuration"]["domain"] == DOMAIN
    assert told["configuration"]["dkim_key"] == "unreadable"
    assert [line["check"] for line in told["dns"]] == ["A", "MX", "SPF", "DKIM", "DMARC", "PTR"]
    assert people["bob"].pw_name not in json.dumps(told)
    assert ADDRESS in json.dumps(told["dns"])


def test_an_owner_is_told_of_his_mail_that_waits(daemon, report, people):
    inbox = daemon.data / "inbox" / "alice"
    os.chown(inbox, 0, 0)
    try:
        daemon.send(mail("Waits"), f"alice@{DOMAIN}")
        for who, expected in (
            ("alice", ["fail MAILBOX-DIR-OWNER-DRIFT", "fail SPOOL-WAITING"]),
            ("bob", []),
            ("root", ["fail MAILBOX-DIR-OWNER-DRIFT", "fail SPOOL-WAITING"]),
        ):
            code, told = report(who)
            assert [found for found in _ids(told) if "NOT-CHECKED" not in found and "GROUP" not in found] == expected
            assert code == 1 or not expected
        (line,) = [found["fix"] for found in told["checks"] if found["id"] == "SPOOL-WAITING"]
        assert line == [f"sudo chown --no-dereference {people['alice'].pw_name}: {inbox}"]
    finally:
        os.chown(inbox, people["alice"].pw_uid, people["alice"].pw_gid)


def test_a_daemon_that_is_down_is_down_for_everybody(daemon, report):
    daemon.stop()
    try:
        for who in ("root", "alice"):
            code, told = report(who)
            assert (code, _ids(told)[0]) == (1, "fail DAEMON-DOWN")
    finally:
        daemon.start()


def test_everybody_may_ask_for_the_records_and_look(daemon, people):
    """The daemon tells domain and selector, the public key file the key."""
    alice = people["alice"].pw_uid
    with Commands(daemon.env) as commands:
        mine, roots = (
            json.loads(commands.run(uid, "dns", "records", "--json", "--ipv4", ADDRESS).out) for uid in (alice, 0)
        )
        assert mine == roots
        assert [record["type"] for record in mine["records"]] == ["A", "MX", "TXT", "TXT", "TXT"]
        done = commands.run(alice, "dns", "check", "--json", "--ipv4", ADDRESS)
    told = json.loads(done.out)
    assert {line["check"]: line["state"] for line in told["dns"]}["DKIM"] == "ok"
    assert told["ok"] is (done.code == 0)
