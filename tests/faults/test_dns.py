"""A DNS that is slow, absent, lying or cut: what arrives is kept and says what was not known of it; what is sent is put
off or refused, and never goes where a lie leads.
"""

import os
import socket
import threading
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from aimx import client, limits
from aimx.errors import AimxError
from aimx.wire.frames import Send
from tests import mx
from tests.faults.liar import BELOW, UDP, Liar
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN, Daemon, config_text
from tests.mailauth import signing

ROUNDS = max(1, int(os.environ.get("AIMX_FAULT_ROUNDS", "12")) // 40)
AT_ONCE = 24
# Known at last, whatever came before: there is no such name.
ABSENT = [mode for mode in UDP if "true" in mode or mode in ("nxdomain", "late", "twice")]
# Whatever else a lie is, it may pass.
OUTBOUND = dict.fromkeys(UDP, "TEMP") | dict.fromkeys(ABSENT, "DELIVERY") | {
    "empty": "DELIVERY", "additional": "DELIVERY", "other-owner": "DELIVERY",
    "many-hosts": "DELIVERY",
}  # fmt: skip
# Of SPF: the guide's word is `none` for all of them, with the RFC's word beside it where a look-up failed.
INBOUND = dict.fromkeys(UDP, "temperror") | dict.fromkeys(ABSENT, "") | {
    "empty": "", "additional": "", "other-owner": "", "many-hosts": "",
}  # fmt: skip
PLACES = {
    "loopback": "127.0.0.1", "loopback-2": "127.255.255.254", "private-10": "10.0.0.1", "private-172": "172.31.0.1",
    "private-192": "192.168.1.1", "link-local": "169.254.169.254", "shared": "100.64.0.1", "nowhere": "0.0.0.0",
    "broadcast": "255.255.255.255", "multicast": "224.0.0.1", "reserved": "240.0.0.1",
}  # fmt: skip
ZONE = {
    **mx.ZONE,
    **{f"{name}.place.test": {"MX": [f"10 {name}.mx.test."]} for name in PLACES},
    **{f"{name}.mx.test": {"A": [address]} for name, address in PLACES.items()},
    "implicit.place.test": {"A": ["127.0.0.1"]},
    "null.place.test": {"MX": ["0 ."]},
    "words.place.test": {"MX": ["10 -x-.test."]},
    "canary.test": {"A": ["127.0.0.66"]},
}


class Canary:
    """A server at the place where lies lead. `asked` counts connections."""

    def __init__(self, port: int) -> None:
        self._listener = socket.create_server(("127.0.0.66", port))
        self.asked = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.asked += 1
            connection.close()

    def close(self) -> None:
        """End it."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class World:
    """What became of every name, asked for all at once."""

    def __init__(self, tree, private):
        self.server, self.answers, self.spent = mx.Server(), {}, {}
        self.canary = Canary(self.server.port)
        self.liar = Liar(ZONE)
        top = f"allow_private_mx = {str(private).lower()}"
        self.daemon = Daemon(tree, config_text("", top), {}, AIMX_TEST_MX_PORT=str(self.server.port))
        self.daemon.env["AIMX_TEST_DNS"] = self.liar.address
        signing.install(self.daemon.etc)

    def send(self, domain):
        """One message to a domain; the answer as OK or its code."""
        text = f"From: ops@{DOMAIN}\r\nTo: ok@{domain}\r\nSubject: {domain}\r\n\r\nHi\r\n"
        began = time.monotonic()
        try:
            answer = client.call(self.daemon.socket, Send(text.encode()), timeout_s=120)
        except AimxError as error:
            self.answers[domain] = repr(error)
        else:
            self.answers[domain] = "OK" if answer.kind == "ok" else answer.code
        self.spent[domain] = time.monotonic() - began

    def receive(self, domain):
        """One signed message from a domain."""
        octets = signing.message(f"Al <al@{domain}>".encode(), f"marker {domain}\r\n".encode())
        began = time.monotonic()
        self.daemon.send(signing.sign(octets, d=domain), sender=f"al@{domain}")
        self.spent[domain] = time.monotonic() - began

    def stored(self):
        """Domain → fields of each mail that arrived from it."""
        found = {}
        for path in self.daemon.messages():
            _, head, body = path.read_text().split("+++\n", 2)
            found.setdefault(body.split()[1], []).append(tomllib.loads(head))
        return found

    def taken(self):
        """Domain → how often the server took what went there."""
        return Counter(rcpt.partition("@")[2] for rcpts, _ in self.server.taken for rcpt in rcpts)

    def close(self):
        """End it."""
        self.daemon.__exit__()
        for one in (self.server, self.canary):
            one.close()
        self.liar.__exit__()


def _verdict(answer):
    return {"OK": PROMISED, "TEMP": REFUSED, "DELIVERY": REFUSED}.get(answer, DOUBTFUL)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """All lies at once, in both directions."""
    world = World(tmp_path_factory.mktemp("dns"), private=True)
    try:
        world.daemon.start()
        jobs = [
            (act, f"{way}{number}.{mode}{BELOW}")
            for number in range(ROUNDS)
            for mode in UDP
            for way, act in (("in", world.receive), ("out", world.send))
        ]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for done in [pool.submit(act, domain) for act, domain in jobs]:
                done.result()
        world.send("one.test")
        assert set(world.liar.told) >= set(UDP)
        TALLY.fault("DNS lies, drops or cuts", len(jobs))
        TALLY.note("packets of a DNS that lies", world.liar.told.total())
        yield world
    finally:
        world.close()


def test_what_arrived_is_kept_whatever_the_dns_does(world):
    expected = {f"in{number}.{mode}{BELOW}" for number in range(ROUNDS) for mode in UDP}
    stored = world.stored()
    TALLY.account(dict.fromkeys(expected, PROMISED), {domain: len(mails) for domain, mails in stored.items()})
    assert set(stored) == expected
    assert max(world.spent[domain] for domain in expected) < limits.EXAMINE_DNS_S + 60


@pytest.mark.parametrize("mode", UDP)
def test_nothing_is_believed_of_whom_the_dns_lied_about(world, mode):
    for number in range(ROUNDS):
        (fields,) = world.stored()[f"in{number}.{mode}{BELOW}"]
        assert (fields["spf"], fields["dkim"], fields["dmarc"]) == ("none", "fail", "none")
        detail = fields.get("auth_detail", "")
        if INBOUND[mode]:
            assert "spf=temperror" in detail
            assert "dmarc=temperror" in detail
        else:
            assert "spf=temperror" not in detail


@pytest.mark.parametrize("mode", UDP)
def test_what_is_sent_is_told_by_what_the_dns_is(world, mode):
    for number in range(ROUNDS):
        domain = f"out{number}.{mode}{BELOW}"
        TALLY.account({domain: _verdict(world.answers[domain])}, world.taken())
        assert world.answers[domain] == OUTBOUND[mode]
        assert world.spent[domain] < 4 * limits.DNS_QUERY_S + 60


def test_no_lie_leads_to_a_delivery(world):
    assert world.canary.asked == 0
    assert world.answers["one.test"] == "OK"
    assert [rcpts for rcpts, _ in world.server.taken] == [["ok@one.test"]]
    assert {
        path.read_text().split('subject = "')[1].split('"')[0] for path in world.daemon.messages(folder="sent")
    } >= {"one.test"}


def test_no_record_leads_to_a_private_place(tmp_path):
    """The configuration as it is delivered: what a stranger's zone says leads to nobody inside."""
    world = World(tmp_path, private=False)
    try:
        world.daemon.start()
        names = [name for name in ZONE if name.endswith(".place.test")]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(world.send, names))
        TALLY.fault("DNS leads to a private place", len(names))
        TALLY.account({name: _verdict(world.answers[name]) for name in names}, world.taken())
        assert world.answers == dict.fromkeys(names, "DELIVERY")
        assert (world.server.taken, world.canary.asked) == ([], 0)
    finally:
        world.close()
