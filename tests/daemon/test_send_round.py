"""Submissions of every kind through a real daemon: what leaves verifies, and what is kept says the same."""

import email
import email.policy

import pytest

from aimx import client
from aimx.mime import frontmatter
from aimx.wire.frames import Send
from tests.harness import Daemon
from tests.mailauth import signing

HEAD = "From: Ops <ops@agent.test>\r\nTo: jürgen@remote.test, Bob <bob@bücher.test>\r\nBcc: hidden@three.test\r\n"
FILE = (
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nSee the file.\r\n--b\r\n"
    b"Content-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\nJVBERg==\r\n--b--\r\n"
)


@pytest.fixture(scope="module")
def sender(tmp_path_factory):
    tree = tmp_path_factory.mktemp("round")
    (tree / "drop").mkdir()
    daemon = Daemon(tree, AIMX_TEST_MAIL_DROP=str(tree / "drop"))
    signing.install(daemon.etc)
    with daemon:
        yield daemon


SUBMISSIONS = {
    "markdown": Send(HEAD.encode() + "Subject: Grüße aus München\r\n\r\n# Grüße\r\nFrom me.\r\n.\r\n".encode()),
    "text": Send(HEAD.encode() + b"Subject: text\r\n\r\n" + b"x" * 3000 + b"\r\n", text_only=True),
    "html": Send(HEAD.encode() + b"Subject: html\r\n\r\nfallback", html="<p>Grüße</p>".encode()),
    "file": Send(HEAD.encode() + b"Subject: file\r\n" + FILE),
    "long-head": Send(HEAD.encode() + b"Subject: s\r\nX-Long: " + "wört ".encode() * 10_000 + b"\r\n\r\nHi\r\n"),
    "foreign-fields": Send(HEAD.encode() + b"DKIM-Signature: v=1\r\nReceived: x\r\nSubject: s\r\n\r\nHi\r\n"),
}


@pytest.mark.parametrize("frame", SUBMISSIONS.values(), ids=SUBMISSIONS)
def test_what_leaves_verifies_and_is_recorded(sender, frame):
    answer = client.call(sender.socket, frame)
    assert answer.kind == "ok", answer
    (octets,) = [
        octets for path in (sender.tree / "drop").glob("*.eml") if answer.note.encode() in (octets := path.read_bytes())
    ]
    assert signing.verifies(octets)
    read = email.message_from_bytes(octets, policy=email.policy.default)
    assert (read["bcc"], read["received"], len(read.get_all("dkim-signature"))) == (None, None, 1)
    assert b"hidden" not in octets
    records = [path for path in (sender.data / "sent" / "ops").rglob("*.md") if answer.note[1:-1] in path.read_text()]
    fields, body = frontmatter.read(records[0].read_bytes())
    assert len(records) == 1
    assert fields["bcc"] == ["hidden@three.test"]
    assert fields["subject"] == str(read["subject"])
    plain = read.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert body.decode().strip("\n") == plain.strip("\n")
    assert body.decode().endswith("\n\nSent from AIMX.  \nhttps://aimx.email\n")


REFUSED = {
    "two-authors": (
        b"From: ops@agent.test, ceo@agent.test\r\nTo: a@b.test\r\n\r\n",
        "MALFORMED",
        "exactly one address",
    ),
    "one-bad-recipient": (b"From: ops@agent.test\r\nTo: a@b.test, x@[127.0.0.1]\r\n\r\n", "MALFORMED", "x@[127.0.0.1]"),
    "markdown": (b"From: ops@agent.test\r\nTo: a@b.test\r\n\r\n" + b"x" * (5 << 20), "BODY_TOO_LARGE", "exceeds 5 MiB"),
    "long-head": (
        b"From: a\r\nTo: b\r\nX: " + b"x " * 30_000 + b"\r\n\r\n",
        "MALFORMED",
        "sender address from From: a",
    ),
    "lone-cr": (b"From: ops@agent.test\rTo: a@b.test\r\n\r\n", "MALFORMED", "\\r"),
}


@pytest.mark.parametrize(("message", "code", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_leaves_nothing(sender, message, code, reason):
    before = sorted((sender.tree / "drop").iterdir())
    answer = client.call(sender.socket, Send(message))
    assert (answer.kind, answer.code) == ("error", code)
    assert reason in answer.reason
    assert sorted((sender.tree / "drop").iterdir()) == before
