"""What becomes of a send, from the socket to the record: mixes of outcomes of real servers (S6)."""

import json
import sqlite3
import threading
import tomllib
from collections import Counter

import pytest
import trio

from aimx import client
from aimx.effects.api import Effects, Sending
from aimx.errors import Failed
from aimx.flows import send as flow
from aimx.mime import outbound
from aimx.model.outbound import Parcel
from aimx.policy.verdict import PARTIAL, UNKNOWN
from aimx.wire.frames import Send
from tests import mx
from tests.harness import DOMAIN, Daemon, config_text
from tests.hooks.stage import Unheard
from tests.mailauth import signing

SAID = "250 2.0.0 queued as 77"


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    """A daemon beside a mail server."""
    server = mx.Server()
    daemon = Daemon(
        tmp_path_factory.mktemp("outcomes"), config_text(top="allow_private_mx = true"), mx.ZONE,
        AIMX_TEST_MX_PORT=str(server.port),
    )  # fmt: skip
    signing.install(daemon.etc)
    with daemon:
        daemon.mx = server
        yield daemon
    server.close()


def send(daemon, to, subject="Hello", **headers):
    """One short message."""
    more = "".join(f"{name}: {text}\r\n" for name, text in headers.items())
    message = f"From: Ops <ops@{DOMAIN}>\r\nTo: {to}\r\nSubject: {subject}\r\n{more}\r\n# Hi\r\n"
    return client.call(daemon.socket, Send(message.encode()))


def records(daemon):
    """Frontmatter of every sent record by id."""
    return {path.stem: tomllib.loads(path.read_text().split("+++\n", 2)[1]) for path in daemon.messages(folder="sent")}


# recipients → start of the answer, status (None: no record), delivery_details
CASES = {
    "ok@one.test": ("OK <", "delivered", None),
    "ok@one.test, ok@two.test": ("OK <", "delivered", None),
    "no@one.test": ("ERR DELIVERY 550 no such user", "failed", "550 no such user"),
    "later@one.test": ("ERR TEMP 451 4.2.0 later", None, None),
    "later@one.test, later@two.test": ("ERR TEMP later@one.test: deferred: 451", None, None),
    "gone@one.test": (f"ERR DELIVERY {UNKNOWN}", "pending", f"{UNKNOWN}; "),
    "ok@one.test, no@one.test": (
        f"ERR DELIVERY {PARTIAL}; ok@one.test: delivered; no@one.test: failed: 550", "failed",
        f"ok@one.test: delivered: {SAID}; no@one.test: failed: 550 no such user",
    ),
    "ok@one.test, later@two.test": (
        f"ERR DELIVERY {PARTIAL}; ok@one.test: delivered; later@two.test: deferred: 451", "delivered",
        f"ok@one.test: delivered: {SAID}; later@two.test: deferred: 451 4.2.0 later",
    ),
    "later@one.test, no@two.test": (
        "ERR DELIVERY later@one.test: deferred: 451", "failed",
        "later@one.test: deferred: 451 4.2.0 later; no@two.test: failed: 550 no such user",
    ),
    "ok@one.test, gone@two.test, no@three.test, later@four.test": (
        f"ERR DELIVERY {UNKNOWN}; ok@one.test: delivered; gone@two.test: unknown", "pending",
        f"{UNKNOWN}; ok@one.test: delivered: {SAID}; gone@two.test: unknown",
    ),
}  # fmt: skip


@pytest.mark.parametrize("to", CASES)
def test_the_answer_and_the_record_say_how_it_ended(sender, to):
    start, status, details = CASES[to]
    before = records(sender)
    answer = send(sender, to)
    told = f"ERR {answer.code} {answer.reason}" if answer.kind == "error" else f"OK {answer.note}"
    assert told.startswith(start), told
    new = [fields for stem, fields in records(sender).items() if stem not in before]
    assert [fields["delivery_status"] for fields in new] == ([status] if status else [])
    for fields in new:
        assert fields.get("delivery_details", "").startswith(details or "")
        assert ("delivery_details" in fields) == (details is not None)
        assert ("delivered_at" in fields) == (status == "delivered")
    assert list((sender.data / ".aimx/staging").iterdir()) == []


def test_copies_nobody_else_sees_are_in_the_record_and_not_on_the_wire(sender):
    before = records(sender)
    assert send(sender, "ok@one.test", Cc="Al <ok@two.test>", Bcc="ok@three.test").kind == "ok"
    ((_, fields),) = [item for item in records(sender).items() if item[0] not in before]
    assert fields["bcc"] == ["ok@three.test"]
    assert fields["cc"] == "Al <ok@two.test>"
    assert fields["delivered_to"] == "ok@one.test, ok@two.test, ok@three.test"


@pytest.mark.parametrize(
    ("format", "more"),
    [("markdown", {}), ("text", {"text_only": True}), ("html", {"html": b"<p>only <b>theirs</b></p>"})],
)
def test_a_record_holds_the_text_with_its_signature_whatever_left(sender, format, more):
    message = f"From: ops@{DOMAIN}\r\nTo: ok@one.test\r\nSubject: {format}\r\n\r\n# Hi **Bob**\r\n".encode()
    before = set(sender.messages(folder="sent"))
    assert client.call(sender.socket, Send(message, **more)).kind == "ok"
    (path,) = set(sender.messages(folder="sent")) - before
    _, head, body = path.read_text().split("+++\n", 2)
    lines = head.splitlines()
    assert lines[lines.index("outbound = true") + 1] == f'outbound_format = "{format}"'
    assert lines[lines.index("outbound = true") + 2] == 'delivery_status = "delivered"'
    assert body == "\n# Hi **Bob**\n\nSent from AIMX.  \nhttps://aimx.email\n"
    (_, octets) = next(taken for taken in sender.mx.taken if f"Subject: {format}".encode() in taken[1])
    assert tomllib.loads(head)["size_bytes"] == len(octets)


def test_many_sends_at_once_have_a_record_and_an_event_each(sender):
    before, answers = records(sender), []

    def some(number):
        answers.extend(send(sender, ("ok@one.test", "no@one.test")[n % 2], f"many {number} {n}") for n in range(5))

    threads = [threading.Thread(target=some, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    new = {fields["subject"]: fields for stem, fields in records(sender).items() if stem not in before}
    assert sorted(answer.kind for answer in answers) == ["error"] * 16 + ["ok"] * 24
    assert len(new) == 40
    statuses = Counter(fields["delivery_status"] for fields in new.values())
    assert statuses == {"delivered": 24, "failed": 16}
    assert {answer.note.strip("<>") for answer in answers if answer.kind == "ok"} == {
        fields["message_id"] for fields in new.values() if fields["delivery_status"] == "delivered"
    }
    told = [event for event in events(sender) if event["subject"].startswith("many ")]
    assert {(event["id"], event["status"]) for event in told} == {
        (fields["id"], fields["delivery_status"]) for fields in new.values()
    }
    assert len(told) == 40


def events(daemon):
    """The event log, in order."""
    db = sqlite3.connect(f"file:{daemon.data}/.aimx/state.db?mode=ro", uri=True)
    found = [json.loads(text) for (text,) in db.execute("SELECT event FROM events ORDER BY seq")]
    db.close()
    return found


@pytest.mark.parametrize(
    ("broken", "result"), [(RuntimeError("bug"), "unknown"), (Failed("no sender"), "failed")], ids=["bug", "refused"]
)
def test_a_delivery_that_breaks_invites_nobody_to_send_again(broken, result):
    async def drop(_):
        raise broken

    sending = Sending(None, str, lambda *_: None, None, lambda: ("", 0), list, 25, drop)
    fx = Effects(lambda: 0.0, None, None, None, None, None, Unheard(), sending)
    submission = outbound.read(b"From: a@x.test\r\nTo: b@x.test, c@x.test\r\n\r\n", "1@x.test", 0.0)
    outcomes = trio.run(flow._deliver, fx, None, Parcel("a@x.test", b""), submission)
    assert [outcome.result for outcome in outcomes] == [result] * 2
