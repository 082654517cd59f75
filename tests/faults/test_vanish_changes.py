"""Clients that vanish while they ask for a change: it is made once and whole, or not at all."""

import itertools
import json
import os
import tomllib

import pytest

from aimx import client
from aimx.wire import codec
from aimx.wire.frames import HookCreate, HookDelete, HookList, MailboxCreate, MailboxDelete, MailboxList, Send, Version
from tests.faults import test_send
from tests.faults.tally import DOUBTFUL, TALLY
from tests.faults.test_vanish import WAYS, cuts, nothing_stays, vanish
from tests.faults.traffic import PATIENCE_S, ROUNDS, until
from tests.harness import DOMAIN, owner

EACH = max(1, ROUNDS // 100)
OWNER = "daemon" if os.geteuid() == 0 else owner()
_NUMBERS = itertools.count()
_HOOK = b'{"cmd": ["/bin/true"], "timeout_secs": 60}'


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, server):
    with test_send.daemon_for(tmp_path_factory.mktemp("vanish"), server) as running:
        yield running


def _fresh(word):
    return f"{word}-{next(_NUMBERS):04}"


def _submission(subject, rest):
    message = f"From: ops@{DOMAIN}\r\nTo: ok@one.test\r\nSubject: {subject}\r\n{rest}"
    return codec.encode_request(Send(message.encode()))


def _cases(octets):
    """Where it ends and how; what is whole comes first, and is done when the last one is answered."""
    return [(cut, way) for cut in reversed(cuts(octets)) for way in WAYS for _ in range(EACH)]


def _mailbox(daemon, name):
    assert client.call(daemon.socket, MailboxCreate(name, OWNER), PATIENCE_S).kind == "ok"


def _hook(daemon, name):
    assert client.call(daemon.socket, HookCreate("ops", "on_receive", _HOOK, name), PATIENCE_S).kind == "ok"


def _mailboxes(daemon):
    return set(tomllib.loads((daemon.etc / "config.toml").read_text())["mailboxes"])


def _hooks(daemon):
    tables = tomllib.loads((daemon.etc / "config.toml").read_text())["mailboxes"]["ops"].get("hooks", [])
    return {hook["name"] for hook in tables if (hook["event"], hook["cmd"]) == ("on_receive", ["/bin/true"])}


def _listed(daemon, request):
    return {
        row["name"]
        for row in json.loads(client.call(daemon.socket, request, PATIENCE_S).body)
        if row.get("registered", True)
    }


# What asks for it, what makes it possible, what there is now by the file, what asks the daemon for the same.
CHANGES = {
    "MAILBOX-CREATE": (lambda name: MailboxCreate(name, OWNER), None, _mailboxes, MailboxList()),
    "MAILBOX-DELETE": (lambda name: MailboxDelete(name, force=True), _mailbox, _mailboxes, MailboxList()),
    "HOOK-CREATE": (lambda name: HookCreate("ops", "on_receive", _HOOK, name), None, _hooks, HookList()),
    "HOOK-DELETE": (HookDelete, _hook, _hooks, HookList()),
}


@pytest.mark.parametrize("verb", CHANGES)
def test_of_the_configuration(daemon, verb):
    ask, prepare, there, listing = CHANGES[verb]
    kept, whole, answered = _fresh("kept"), [], []
    if prepare:
        prepare(daemon, kept)
    before = there(daemon)
    with nothing_stays(daemon):
        for cut, way in _cases(codec.encode_request(ask(kept))):
            octets = codec.encode_request(ask(kept))
            if cut == len(octets):
                whole.append(name := _fresh("same"))
                octets = codec.encode_request(ask(name))
                answered += [name] if "reads" in way else []
                if prepare:
                    prepare(daemon, name)
            vanish(daemon, octets, cut, way)
        assert client.call(daemon.socket, Version(), PATIENCE_S).kind == "json"
    until(lambda: there(daemon) == _listed(daemon, listing), "what is in force is in the file")
    assert there(daemon) - set(whole) == before
    assert answered and set(answered) & there(daemon) == (set() if prepare else set(answered))
    assert (kept in before) == (prepare is not None)


@pytest.mark.parametrize("rest", [test_send.PLAIN, test_send.ATTACHED], ids=["flat", "bundle"])
def test_of_sending(daemon, server, rest):
    whole, parts = [], []
    with nothing_stays(daemon):
        for cut, way in _cases(_submission(_fresh("letter"), rest)):
            octets = _submission(subject := _fresh("letter"), rest)
            (whole if cut == len(octets) else parts).append(subject)
            vanish(daemon, octets, cut, way)
    until(lambda: "pending" not in test_send.records(daemon).values(), "nothing is on its way")
    found = test_send.arrived(server)
    test_send.nothing_unfinished(daemon)
    TALLY.account(dict.fromkeys(whole, DOUBTFUL), found)
    records = test_send.records(daemon)
    assert len(found) >= 2 * EACH  # of what was answered
    assert {subject for subject in whole if subject in found} == {name for name in whole if records.get(name)}
    assert not set(parts) & (set(found) | set(records))
