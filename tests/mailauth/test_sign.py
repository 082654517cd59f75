"""What we sign verifies at stock dkimpy and here; nothing that a reader sees can be changed or added."""

import functools
import json
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.errors import SignFailed
from aimx.mailauth import sign
from aimx.mailauth.sign import SigningKey
from tests.mailauth.world import FIXTURES, NOW, run

FROM = b"From: Ops <ops@agent.test>\r\n"
PLAIN = (
    FROM
    + b"To: b@remote.test\r\nSubject: Hello\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@agent.test>\r\n"
)
FULL = (
    PLAIN + b"Cc: c@remote.test\r\nReply-To: desk@agent.test\r\nIn-Reply-To: <0@x>\r\nReferences: <00@x>\r\n <0@x>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n"
    b"Auto-Submitted: auto-replied\r\n"
)  # fmt: skip
EVERY = b"from to cc reply-to subject date message-id in-reply-to references mime-version content-type".split()
EVERY += b"content-transfer-encoding auto-submitted".split()

MESSAGES = {
    "plain": (PLAIN, b"Hi\r\n"),
    "full": (FULL, "# Zoë\r\n\r\n> quote \t \r\n\r\n\r\n".encode()),
    "empty-subject": (FROM + b"Subject:\r\n", b"x\r\n"),
    "blank-subject": (FROM + b"Subject: \t \r\n", b"x\r\n"),
    "folded": (FROM + b"Subject: a\r\n  b\r\n\t c \r\nTo: a@b.test,\r\n c@d.test\r\n", b"x\r\n"),
    "long-references": (PLAIN + b"References:" + b"\r\n <0123456789@x>" * 900 + b"\r\n", b"x\r\n"),
    "a-longest-line": (PLAIN + b"X: " + b"x" * 995 + b"\r\n", b"y" * 998 + b"\r\n"),
    "utf-8-fields": ("From: Zoë <zoë@agent.test>\r\nSubject: Grüße 日本\r\n".encode(), "日本\r\n".encode()),
    "names-in-capitals": (FROM.replace(b"From", b"FROM") + b"SUBJECT: x\r\n", b"x\r\n"),
    "blank-before-the-colon-value": (b"From:ops@agent.test\r\nSubject:x\r\n", b"x\r\n"),
    "empty-body": (PLAIN, b""),
    "body-of-empty-lines": (PLAIN, b"\r\n\r\n\r\n"),
    "body-without-line-end": (PLAIN, b"Hi"),
    "repeated-field": (PLAIN + b"X-A: 1\r\nReferences: <a@x>\r\n", b"x\r\n"),
    "a-letter-that-looks-signed": (PLAIN + b"X-DKIM: DKIM-Signature: v=1; b=;\r\n", b"DKIM-Signature: b=\r\n"),
}  # fmt: skip


@functools.cache
def key() -> SigningKey:
    return SigningKey((FIXTURES / "keys" / "rsa2048.pem").read_bytes())


def signed(head: bytes, body: bytes, domain: str = "agent.test") -> bytes:
    return sign.field(key(), domain, "s1", head, sign.body_hash(body), NOW) + head + b"\r\n" + body


def tags(octets: bytes) -> dict[str, str]:
    field = re.sub(rb"\r\n\s+", b" ", octets).partition(b"\r\n")[0].removeprefix(b"DKIM-Signature:").decode()
    return {name.strip(): value.strip() for name, _, value in (tag.partition("=") for tag in field.split(";"))}


def ours(octets: bytes) -> str:
    zone = {"s1._domainkey.agent.test": {"TXT": [key().record]}}
    return run(octets, zone).results.dkim


_STOCK = """
import sys, json, dkim
messages = [text.encode("latin-1") for text in json.load(sys.stdin)]
print(json.dumps([dkim.verify(octets, dnsfunc=lambda name, timeout=5: sys.argv[1].encode()) for octets in messages]))
"""


def stock(messages: list[bytes]) -> list[bool]:
    """dkimpy as it is, which our process is not: many at once, because it takes long to start."""
    texts = json.dumps([octets.decode("latin-1") for octets in messages])
    done = subprocess.run([sys.executable, "-c", _STOCK, key().record], input=texts, text=True, check=True, timeout=120,
                          stdout=subprocess.PIPE)  # fmt: skip
    return json.loads(done.stdout)


def test_stock_dkimpy_verifies_every_message():
    verdicts = stock([signed(*message) for message in MESSAGES.values()])
    assert [name for name, good in zip(MESSAGES, verdicts, strict=True) if not good] == []


@pytest.mark.parametrize(("head", "body"), MESSAGES.values(), ids=MESSAGES)
def test_our_verifier_agrees_and_lines_are_legal(head, body):
    octets = signed(head, body)
    assert ours(octets) == "pass"
    field = octets[: len(octets) - len(head + b"\r\n" + body)]
    assert field.endswith(b"\r\n")
    assert all(len(line) <= 78 for line in field.split(b"\r\n"))
    assert field.isascii()


def test_the_tags_are_what_was_decided():
    found = tags(signed(FULL, b"Hi\r\n"))
    assert list(found) == ["v", "a", "c", "d", "s", "t", "h", "bh", "b"]
    assert (found["v"], found["a"], found["c"]) == ("1", "rsa-sha256", "relaxed/relaxed")
    assert (found["d"], found["s"], found["t"]) == ("agent.test", "s1", str(int(NOW)))
    assert found["h"].encode().split(b" : ") == [name for name in EVERY for _ in range(2)]
    named = tags(signed(FROM, b""))["h"].encode().split(b" : ")
    assert named == [b"from", *EVERY]  # absent ones are named as well


def test_the_hash_of_an_empty_body_is_that_of_the_rfc():
    assert tags(signed(PLAIN, b""))["bh"] == "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="  # RFC 6376 section 3.4.4


ADDED = [b"From: boss@agent.test", b"To: x@y.test", b"Cc: x@y.test", b"Reply-To: x@evil.test", b"Subject: x",
         b"Date: now", b"Message-ID: <2@x>", b"In-Reply-To: <2@x>", b"References: <2@x>", b"MIME-Version: 1.0",
         b"Content-Type: text/html", b"Content-Transfer-Encoding: base64", b"Auto-Submitted: no"]  # fmt: skip


@pytest.mark.parametrize("head", [FROM, FULL], ids=["alone", "beside-another"])
def test_no_field_that_counts_can_be_added(head):
    octets = signed(head, b"Hi\r\n")
    forged = [field + b"\r\n" + octets for field in ADDED]
    forged += [octets.replace(b"\r\n\r\n", b"\r\n" + field + b"\r\n\r\n", 1) for field in ADDED]
    assert [ours(octets) for octets in forged] == ["fail"] * len(forged)
    assert stock(forged) == [False] * len(forged)


TRANSIT = {
    "traced": lambda octets: b"Received: from a by b;\r\n Mon, 02 Nov 2026 10:00:01 +0000\r\nX-Spam: no\r\n" + octets,
    "names-in-capitals": lambda octets: octets.replace(b"Subject:", b"SUBJECT:", 1),
    "folded-again": lambda octets: octets.replace(b"Ops <ops", b"Ops\r\n\t<ops", 1),
    "blanks-at-line-ends": lambda octets: octets.replace(b"Hi\r\n", b"Hi \t\r\n"),
    "empty-lines-at-the-end": lambda octets: octets + b"\r\n\r\n",
    "of-a-list": lambda octets: b"List-Id: <a.b>\r\nPrecedence: list\r\nSender: l@x.test\r\n" + octets,
}


def test_what_relays_do_breaks_nothing():
    passed = [change(signed(FULL, b"Hi\r\n")) for change in TRANSIT.values()]
    assert [ours(octets) for octets in passed] == ["pass"] * len(passed)
    assert stock(passed) == [True] * len(passed)


@pytest.mark.parametrize("name", EVERY, ids=bytes.decode)
def test_no_signed_field_can_be_changed_or_removed(name):
    octets = signed(FULL, b"Hi\r\n")
    line = re.search(rb"(?im)^%s:.*\r\n(?:[ \t].*\r\n)*" % name, octets[octets.index(b"From: ") :])
    assert line is not None
    assert ours(octets.replace(line[0], line[0].replace(b"\r\n", b"x\r\n", 1))) != "pass"
    assert ours(octets.replace(line[0], b"")) != "pass"


@pytest.mark.parametrize(
    ("domain", "label"),
    [("agent.test", "agent.test"), ("Agent.TEST", "agent.test"), ("bücher.test", "xn--bcher-kva.test")],
)
def test_the_domain_is_an_a_label(domain, label):
    assert tags(signed(PLAIN, b"", domain))["d"] == label


@pytest.mark.parametrize("head", [b"no field\r\n", b"From ops\r\nx\r\n", b" fold\r\n", b"A\xff: x\r\n"])
def test_what_is_no_header_block_is_never_signed(head):
    with pytest.raises(SignFailed):
        sign.field(key(), "agent.test", "s1", head, sign.body_hash(b""), NOW)


BAD_KEYS = {
    "nothing": b"",
    "no-key": b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
    "public": key().public_pem,
}


@pytest.mark.parametrize("pem", BAD_KEYS.values(), ids=BAD_KEYS)
def test_what_is_no_private_key_is_refused(pem):
    with pytest.raises(SignFailed):
        SigningKey(pem)


VALUE = st.text(alphabet='aZ09 é日:;=,.<>@\t"\\', max_size=60).map(lambda text: text.encode())
FOLDED = st.lists(VALUE, min_size=1, max_size=4).map(lambda lines: b"\r\n ".join(line or b"x" for line in lines))
NAME = st.sampled_from([name for name in EVERY if name != b"from"] + [b"X-Other", b"SUBJECT"])
LINE = st.text(alphabet="ab \té日.=-", max_size=50).map(lambda text: text.encode() + b"\r\n")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(NAME, FOLDED), max_size=8), st.lists(LINE, max_size=8))
def test_whatever_was_signed_verifies(fields, lines):
    head = FROM + b"".join(name + b": " + value + b"\r\n" for name, value in fields)
    assert len(head) < limits.HEADER_OCTETS
    assert ours(signed(head, b"".join(lines))) == "pass"
