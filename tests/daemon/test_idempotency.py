"""A message under a key is sent once: the same again gets the first answer, another one a refusal."""

import threading

import pytest

from aimx import client, limits
from aimx.errors import AimxError, DeliveryUnknown, KeyConflict, ResourcesExhausted
from aimx.flows import once
from aimx.model.outbound import Claim, FirstAnswer
from aimx.store import claims
from aimx.store.elapsed import Elapsed
from aimx.wire.frames import Send
from tests import mx
from tests.harness import DOMAIN, Daemon, config_text
from tests.mailauth import signing
from tests.store import parts

HOOK = '[[mailboxes.ops.hooks]]\nname = "note"\nevent = "after_send"\ncmd = ["/bin/true"]\n'
UNKNOWN = "outcome unknown: may have been delivered; the daemon was interrupted while it sent this message; look into"


class Office:
    """A daemon that sends to a server of ours."""

    def __init__(self, tree):
        self.server = mx.Server()
        top = "allow_private_mx = true"
        self.daemon = Daemon(tree, config_text(HOOK, top), mx.ZONE, AIMX_TEST_MX_PORT=str(self.server.port))
        signing.install(self.daemon.etc)

    def send(self, key, to="ok@one.test", subject="s", more="", **options):
        """The answer: the Message-ID, or code and reason."""
        message = f"From: ops@{DOMAIN}\r\nTo: {to}\r\nSubject: {subject}\r\n{more}\r\nHi\r\n".encode()
        answer = client.call(self.daemon.socket, Send(message, idempotency_key=key, **options))
        return answer.note if answer.kind == "ok" else (answer.code, answer.reason)

    def taken(self, subject):
        """How often it was delivered."""
        return sum(f"Subject: {subject}\r\n".encode() in octets for _, octets in self.server.taken)

    def records(self, subject):
        """Its records."""
        found = [path.read_text() for path in self.daemon.messages(folder="sent")]
        return [text for text in found if f'subject = "{subject}"' in text]


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    office = Office(tmp_path_factory.mktemp("once"))
    with office.daemon:
        yield office
    office.server.close()


def test_the_same_again_gets_the_first_answer_and_is_not_sent(office):
    first = office.send("k1", subject="same", more="Date: Mon, 1 Sep 2025 10:00:00 +0000\r\n")
    assert office.send("k1", subject="same", more="Date: Tue, 2 Sep 2025 11:00:00 +0000\r\n") == first
    assert first.endswith(f"@{DOMAIN}>")
    assert (office.taken("same"), len(office.records("same"))) == (1, 1)


CHANGES = {
    "subject": {"subject": "other"},
    "recipient": {"to": "ok@two.test"},
    "copy": {"more": "Cc: ok@three.test\r\n"},
    "html": {"html": b""},
    "text-only": {"text_only": True},
    "field": {"more": "X-Mine: 1\r\n"},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_another_message_under_the_key_is_refused(office, change):
    office.send("k2", subject="one")
    code, reason = office.send("k2", **{"subject": "one", **change})
    assert (code, reason) == (
        "ECONFLICT",
        "idempotency key 'k2' was used for another message; a key is for one message",
    )
    assert (office.taken("one"), office.taken("other")) == (1, 0)


def test_another_key_is_another_message(office):
    first, second = office.send("k3", subject="two"), office.send("k4", subject="two")
    assert first != second
    assert office.taken("two") == 2


def test_a_permanent_refusal_is_told_again(office):
    answers = {office.send("k5", to="no@one.test", subject="no") for _ in range(2)}
    ((code, reason),) = answers
    assert (code, "no such user" in reason, len(office.records("no"))) == ("DELIVERY", True, 1)


def test_half_a_delivery_is_told_again(office):
    answers = {office.send("k6", to="ok@one.test, later@two.test", subject="half") for _ in range(2)}
    ((code, _),) = answers
    assert (code, office.taken("half")) == ("DELIVERY", 1)


def test_what_nobody_took_yet_may_be_sent_under_its_key(office, monkeypatch):
    assert office.send("k7", to="later@one.test", subject="later")[0] == "TEMP"
    monkeypatch.setitem(mx.ANSWERS, "later", b"250 ok")
    assert office.send("k7", to="later@one.test", subject="later").endswith(f"@{DOMAIN}>")
    assert office.taken("later") == 1


def test_what_was_refused_before_it_left_keeps_no_key(office):
    assert office.send("k8", to="nobody")[0] == "MALFORMED"
    assert office.send("k8", subject="after").endswith(f"@{DOMAIN}>")


def test_a_dry_run_shows_the_id_and_uses_no_key(office):
    message = f"From: ops@{DOMAIN}\r\nTo: ok@one.test\r\nSubject: dry\r\n\r\nHi\r\n".encode()
    shown = client.call(office.daemon.socket, Send(message, dry_run=True, idempotency_key="k9"))
    message_id = office.send("k9", subject="dry")
    assert message_id.encode() in shown.body
    assert office.taken("dry") == 1


def test_the_callers_own_message_id_is_kept(office):
    own = "<mine@agent.test>"
    assert office.send("k10", subject="own", more=f"Message-ID: {own}\r\n") == own
    assert office.send("k10", subject="own", more="Message-ID: <other@agent.test>\r\n") == own


def test_a_key_that_is_too_long_is_refused(office):
    code, reason = office.send("k" * (limits.CLAIM_KEY_CHARACTERS + 1))
    assert (code, reason) == ("VALIDATION", f"Idempotency-Key has more than {limits.CLAIM_KEY_CHARACTERS} characters")


def test_keys_that_are_anything(office):
    for key in ("a b", "'; DROP TABLE idempotency; --", "ключ-🔑", "%s\\n{}"):
        first = office.send(key, subject="odd")
        assert office.send(key, subject="odd") == first


def _in_vain(office):
    with pytest.raises(AimxError):
        office.send("x", "hold@one.test", "lost")


def test_at_once_once_and_after_a_crash_unknown(tmp_path):
    """While the first is under way the second waits for it; kill -9 then, and it may have been delivered."""
    office = Office(tmp_path)
    try:
        with office.daemon:
            answers = []
            threads = [
                threading.Thread(target=lambda: answers.append(office.send("k", to="hold@one.test"))) for _ in range(4)
            ]
            for thread in threads:
                thread.start()
            assert office.server.held.wait(30)
            assert office.send("k", subject="other")[0] == "ECONFLICT"
            office.server.go.set()
            for thread in threads:
                thread.join(60)
            assert len(answers) == 4
            assert len(set(answers)) == 1
            assert office.taken("s") == 1
            office.server.go.clear()
            office.server.held.clear()
            lost = threading.Thread(target=_in_vain, args=(office,))
            lost.start()
            assert office.server.held.wait(30)
            office.daemon.kill()
            lost.join(60)
            office.server.go.set()
            office.daemon.start()
            for _ in range(2):
                code, reason = office.send("x", to="hold@one.test", subject="lost")
                assert (code, reason.startswith(UNKNOWN)) == ("DELIVERY", True)
            assert office.send("x", to="hold@one.test", subject="third")[0] == "ECONFLICT"
            assert office.send("k", to="hold@one.test") == answers[0]
            (record,) = office.records("lost")
            assert 'delivery_status = "pending"' in record
            assert office.taken("lost") <= 1
    finally:
        office.server.close()


CLAIM = Claim(1000, "k", b"d" * 32)
DONE = FirstAnswer("", "<a@b>")


@pytest.fixture
def state(tmp_path):
    store = parts.opened(tmp_path)
    yield store.state.run
    store.close()


def find(state, claim=CLAIM, since=0.0):
    return state(lambda db: claims.find(db, claim, since))


def test_a_claim_is_of_one_uid_and_ends(state):
    state(lambda db: claims.take(db, CLAIM, 100.0))
    with pytest.raises(DeliveryUnknown):
        find(state)
    state(lambda db: claims.settle(db, CLAIM, DONE))
    assert find(state) == DONE
    assert find(state, Claim(1001, "k", b"e" * 32)) is None
    with pytest.raises(KeyConflict):
        find(state, Claim(1000, "k", b"e" * 32))
    assert find(state, since=100.0) is None
    state(lambda db: claims.prune(db, 101.0, 100.0))
    assert find(state) is None


def test_a_clock_that_was_ahead_makes_no_claim_that_stays(state):
    """It is held, as everything that may have left is; from the next round of care on for a day."""
    state(lambda db: claims.take(db, CLAIM, 1e9))
    state(lambda db: claims.settle(db, CLAIM, DONE))
    state(lambda db: claims.prune(db, 100.0, 0.0))
    assert find(state, since=99.0) == DONE
    assert find(state, since=100.0) is None


@pytest.mark.parametrize(
    ("steps", "held"),
    [
        ([(0, 0), (23, 0)], True),
        ([(0, 0), (25, 0)], False),
        ([(0, 0), (1, 48)], True),
        ([(0, 0), (1, 48), (2, 24), (23, 72)], True),
        ([(0, 0), (1, 48), (25, 48)], False),
        ([(0, 0), (1, -48)], True),
    ],
    ids=["a-day", "more", "forward", "forward-and-back-and-forward", "forward-and-more", "back"],
)
def test_a_day_is_a_day_whatever_the_clock_does(steps, held):
    """`steps`: hours since the key was used, and by how many the clock is wrong then."""
    elapsed, used, hour = Elapsed(limits.CLAIM_S), 1e9, 3600
    for passed, wrong in steps:
        since = elapsed.since(used + (passed + wrong) * hour, 5.0 + passed * hour)
    assert (used > since) == held


def test_an_answer_is_for_what_was_asked(state):
    """A claim whose key went to another message meanwhile changes nothing of that."""
    other = Claim(1000, "k", b"e" * 32)
    state(lambda db: claims.take(db, other, 100.0))
    state(lambda db: claims.settle(db, CLAIM, DONE))
    state(lambda db: claims.settle(db, CLAIM, None))
    with pytest.raises(DeliveryUnknown):
        find(state, other)


def test_keys_are_bounded(state, monkeypatch):
    monkeypatch.setattr(limits, "CLAIMS_PER_UID", 2)
    for number in range(2):
        state(lambda db, n=number: claims.take(db, Claim(1000, str(n), b""), 100.0))
    with pytest.raises(ResourcesExhausted):
        find(state)
    assert find(state, Claim(1001, "k", b"")) is None
    with pytest.raises(DeliveryUnknown):
        find(state, Claim(1000, "1", b""))


def test_the_id_is_of_key_and_content():
    ids = {once.message_id(key, content, "a.test") for key in ("k", "l") for content in (b"1" * 32, b"2" * 32)}
    assert len(ids) == 4
    assert once.message_id("k", b"1" * 32, "a.test") in ids
