"""Fifty clients of five users, every verb, inbound mail and reloads at once: nothing is torn, lost or stuck.

AIMX_FAULT_SECONDS says for how long.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tomllib
from collections import Counter

import pytest

from aimx import client
from aimx.wire.frames import EmailList, HookList, Ingest, MailboxList, Reindex
from tests.faults import clients
from tests.faults.tally import PROMISED, TALLY
from tests.harness import DOMAIN, mail
from tests.root import dropping, users

pytestmark = pytest.mark.root
SECONDS = float(os.environ.get("AIMX_FAULT_SECONDS", "8"))
LETTERS = "abcde"


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users(*LETTERS) as made:
        yield made


@pytest.fixture(scope="module")
def daemon(people):
    owners = {letter: user.pw_name for letter, user in people.items()}
    with dropping.daemon({**owners, "root": "root"}, people["a"].pw_name) as running:
        yield running


def _client(daemon, letter, uid):
    words = (daemon.socket, uid, letter, ord(letter), SECONDS)
    argv = [sys.executable, "-c", "from tests.faults import clients; clients.main()", *map(str, words)]
    with open(daemon.tree / f"{letter}.json", "wb") as report:  # larger than a pipe holds
        return subprocess.Popen(argv, stdout=report, stderr=subprocess.PIPE, text=True)


class Inbound(threading.Thread):
    """Mail from outside and by hand, until told to stop. `taken`: what was answered for, by mailbox."""

    def __init__(self, daemon, number):
        super().__init__()
        self.daemon_, self.number = daemon, number
        self.over = threading.Event()
        self.taken = []

    def run(self):
        count = 0
        with contextlib.closing(self.daemon_.smtp()) as smtp:
            while not self.over.wait(0.02):
                count += 1
                letter = LETTERS[count % len(LETTERS)]
                octets = mail(f"inbound {self.number} {count}", "body\r\nend of it\r\n")
                if count % 5:
                    smtp.sendmail("x@sender.test", [f"{letter}@{DOMAIN}"], octets)
                else:
                    assert client.call(self.daemon_.socket, Ingest(f"{letter}@{DOMAIN}", octets)).kind == "json"
                self.taken.append((letter, f"inbound {self.number} {count}"))


def _fields(path):
    head, _, body = path.read_text().removeprefix("+++\n").partition("+++\n")
    assert body.rstrip().endswith("end of it"), path
    return tomllib.loads(head)


def _listing(daemon, letter):
    """All rows of a mailbox, page after page."""
    rows, cursor = [], None
    while True:
        answer = json.loads(
            client.body_of(
                client.call(daemon.socket, EmailList(mailbox=letter, folder="all", limit=100, cursor=cursor))
            )
        )
        rows += answer["emails"]
        cursor = answer["next"]
        if cursor is None:
            return rows


def test_all_at_once(daemon, people):
    inbound = [Inbound(daemon, number) for number in range(2)]
    for one in inbound:
        one.start()
    playing = [_client(daemon, letter, people[letter].pw_uid) for letter in LETTERS]
    while any(one.poll() is None for one in playing):
        os.kill(daemon.pid, signal.SIGHUP)
        time.sleep(0.5)  # the pace of the reloads
    for one in inbound:
        one.over.set()
        one.join(clients.PATIENCE_S)
        assert not one.is_alive()
    errors = [one.communicate(timeout=clients.PATIENCE_S)[1] for one in playing]
    assert errors == [""] * len(LETTERS)
    reports = [json.loads((daemon.tree / f"{letter}.json").read_bytes()) for letter in LETTERS]
    for report in reports:
        print({name: report[name] for name in ("calls", "later", "slowest_s")})
    assert [report["problems"] for report in reports] == [[]] * len(LETTERS)
    assert max(max(report["slowest_s"].values()) for report in reports) < clients.PATIENCE_S
    assert min(report["calls"] for report in reports) > 0
    _mail_is_whole(daemon, [pair for one in inbound for pair in one.taken], reports)
    _configuration_is_what_was_promised(daemon, reports)
    _nobody_missed_or_repeated(reports, inbound)
    _index_is_that_of_a_rebuild(daemon)
    assert not [line for line in daemon.log if "Traceback" in line or "internal" in line], daemon.log[-50:]


def _mail_is_whole(daemon, taken, reports):
    found = {letter: {} for letter in LETTERS}
    for letter in LETTERS:
        for path in daemon.messages(letter):
            fields = _fields(path)
            found[letter][fields["id"]] = fields
    stored = Counter((letter, fields["subject"]) for letter in LETTERS for fields in found[letter].values())
    TALLY.account(dict.fromkeys(taken, PROMISED), stored)
    assert set(stored) == set(taken)
    for letter, report in zip(LETTERS, reports, strict=True):
        for id_, read in report["reads"].items():
            assert found[letter][id_]["read"] is read, id_
        assert len(daemon.messages(letter, "sent")) == len(set(report["sent"]))
    assert not os.listdir(daemon.data / ".aimx/staging")


def _configuration_is_what_was_promised(daemon, reports):
    promised = {name for report in reports for name in report["mailboxes"]}
    hooks = {name for report in reports for name in report["hooks"]}
    config = tomllib.loads((daemon.etc / "config.toml").read_text())["mailboxes"]
    assert set(config) == promised | {*LETTERS, "root", "catchall"}
    assert {hook["name"] for box in config.values() for hook in box.get("hooks", ())} == hooks
    listed = json.loads(client.body_of(client.call(daemon.socket, MailboxList())))
    assert {row["name"] for row in listed if row["registered"]} == set(config)
    rows = json.loads(client.body_of(client.call(daemon.socket, HookList())))
    assert {row["name"] for row in rows} == hooks


def _nobody_missed_or_repeated(reports, inbound):
    """Those who watched from the beginning saw every arrival once, up to when they left."""
    for letter, report in zip(LETTERS, reports, strict=True):
        seen = [event["subject"] for event in report["watched"] if event.get("type") == "received"]
        for one in inbound:
            sent = [subject for box, subject in one.taken if box == letter]
            mine = [subject for subject in seen if subject in set(sent)]
            assert mine == sent[: len(mine)] or mine == sent[sent.index(mine[0]) :][: len(mine)]


def _index_is_that_of_a_rebuild(daemon):
    before = {letter: _listing(daemon, letter) for letter in LETTERS}
    assert sum(map(len, before.values()))
    assert list(client.stream(daemon.socket, Reindex()))
    assert {letter: _listing(daemon, letter) for letter in LETTERS} == before
    daemon.stop()
    for path in (daemon.data / ".aimx").glob("index.db*"):
        path.unlink()
    daemon.start()
    assert {letter: _listing(daemon, letter) for letter in LETTERS} == before
