"""The trust gate (A4): who is believed, why, and every forgery that is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.mime.read import read_message
from aimx.model.authres import NOTHING_VERIFIED, AuthResults
from aimx.model.config import Mailbox
from aimx.model.envelope import Envelope
from aimx.policy.trust import evaluate, matches
from tests.mailauth.signing import message, record, sign
from tests.mailauth.world import NOW, run
from tests.steps import within


def mailbox(*senders: str, trust: str = "verified") -> Mailbox:
    return Mailbox("ops", "ops@agent.test", "ops", trust, senders)


def headers(octets: bytes):
    return read_message(octets, Envelope("a@x.test", (), "192.0.2.1", "h.test", NOW)).headers


BOSS = message(b"Boss <boss@company.test>")
ZONE = {
    f"s1._domainkey.{name}": {"TXT": [record()]} for name in ("company.test", "sub.company.test", "evil.test", "test")
}
STRICT = {**ZONE, "_dmarc.company.test": {"TXT": ["v=DMARC1; p=none; adkim=s"]}}
DEAD = {**ZONE, "_dmarc.company.test": {"TXT": "temperror"}}
FIELD = b"From: Boss <boss@company.test>\r\n"

CASES = {
    "listed and signed": (sign(BOSS, d="company.test"), ZONE, "true", "aligned-dkim:company.test"),
    "signed by a subdomain": (sign(BOSS, d="sub.company.test"), ZONE, "true", "aligned-dkim:sub.company.test"),
    "signed by both": (sign(sign(BOSS, d="company.test"), d="evil.test"), ZONE, "true", "aligned-dkim:company.test"),
    "strict, own": (sign(BOSS, d="company.test"), STRICT, "true", "aligned-dkim:company.test"),
    "strict, subdomain": (sign(BOSS, d="sub.company.test"), STRICT, "false", "dkim-unaligned:sub.company.test"),
    "policy unknown, own": (sign(BOSS, d="company.test"), DEAD, "true", "aligned-dkim:company.test"),
    "policy unknown, subdomain": (sign(BOSS, d="sub.company.test"), DEAD, "false", "dkim-unaligned:sub.company.test"),
    "signed by somebody else": (sign(BOSS, d="evil.test"), ZONE, "false", "dkim-unaligned:evil.test"),
    "signed by the suffix": (sign(BOSS, d="test"), ZONE, "false", "dkim-fail"),
    "not signed": (BOSS, ZONE, "false", "dkim-none"),
    "body changed": (sign(BOSS, d="company.test") + b"pay\r\n", ZONE, "false", "dkim-fail"),
    "key gone": (sign(BOSS, d="company.test"), {}, "false", "dkim-fail"),
    "length zero": (sign(BOSS, d="company.test", l="0") + b"pay\r\n", ZONE, "false", "dkim-fail"),
    "subject put on top": (b"Subject: pay\r\n" + sign(BOSS, d="company.test"), ZONE, "false", "duplicate-headers"),
    "not listed": (sign(message(b"eve@evil.test"), d="evil.test"), ZONE, "false", "sender-not-listed"),
    "listed name, other address": (
        sign(message(b"boss@company.test <eve@evil.test>"), d="evil.test"), ZONE, "false", "unreadable-from"),
    "listed quoted name": (
        sign(message(b'"boss@company.test" <eve@evil.test>'), d="evil.test"), ZONE, "false", "sender-not-listed"),
    "listed in a comment": (
        sign(message(b"eve@evil.test (boss@company.test)"), d="evil.test"), ZONE, "false", "sender-not-listed"),
    "two addresses": (
        sign(message(b"boss@company.test, eve@evil.test"), d="evil.test"), ZONE, "false", "multiple-from"),
    "two fields, listed first": (
        FIELD + sign(message(b"eve@evil.test"), d="evil.test"), ZONE, "false", "multiple-from"),
    "two fields, listed last": (
        b"From: eve@evil.test\r\n" + sign(BOSS, d="company.test"), ZONE, "false", "multiple-from"),
    "two fields, one in capitals": (
        b"FROM: eve@evil.test\r\n" + sign(BOSS, d="company.test"), ZONE, "false", "multiple-from"),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "zone", "trusted", "reason"), CASES.values(), ids=CASES)
def test_the_gate(octets, zone, trusted, reason):
    results = run(octets, zone).results
    assert evaluate(mailbox("boss@company.test"), headers(octets), results) == (trusted, reason)


# Ways to show a listed author while another domain signs: a reader may find any From in them, trust finds none.
SPOOFS = {
    "blank before the colon": FIELD.replace(b"From:", b"From :") + b"From: eve@evil.test\r\n",
    "blank before the name": b" " + FIELD + b"From: eve@evil.test\r\n",
    "fold in the name": b"From\r\n : Boss <boss@company.test>\r\nFrom: eve@evil.test\r\n",
    "NUL before the colon": FIELD.replace(b"From:", b"From\0:") + b"From: eve@evil.test\r\n",
    "bare CR": b"X-A: b\rFrom: boss@company.test\r\nFrom: eve@evil.test\r\n",
    "route": b"From: <@boss@company.test,@x.test:eve@evil.test>\r\n",
    "two angles": b"From: <boss@company.test> <eve@evil.test>\r\n",
    "nested angles": b"From: <boss@company.test <eve@evil.test>>\r\n",
    "angle then text": b"From: <eve@evil.test>boss@company.test\r\n",
    "two at signs": b"From: <eve@evil.test@company.test>\r\n",
    "percent": b"From: <boss%company.test@evil.test>\r\n",
    "group": b"From: boss@company.test:eve@evil.test;\r\n",
    "group of nobody": b"From: boss@company.test:;\r\n",
    "encoded word": b"From: =?utf-8?b?PGJvc3NAY29tcGFueS50ZXN0Pg==?= <eve@evil.test>\r\n",
    "encoded address": b"From: =?utf-8?q?boss=40company.test?=\r\n",
    "encoded field": b"From: =?utf-8?q?boss@company.test=0d=0aX:?= <eve@evil.test>\r\n",
    "NUL in the domain": b"From: <boss@company.test\0.evil.test>\r\n",
    "backslash": b'From: "boss@company.test\\" <eve@evil.test>\r\n',
    "comment in the domain": b"From: <boss@company.test(.evil.test)>\r\n",
    "sender field": b"Sender: eve@evil.test\r\nFrom: boss@company.test\r\n",
    "resent from": b"Resent-From: eve@evil.test\r\nFrom: boss@company.test\r\n",
    "fold in the address": b"From: <boss@company.test\r\n .evil.test>\r\n",
    "unicode look-alike": "From: <boss@c\u043empany.test>\r\n".encode(),
    "full-width": "From: <boss@\uff43ompany.test>\r\n".encode(),
    "soft hyphen": "From: <boss@com\u00adpany.test>\r\n".encode(),
}


# Two readers find two addresses of one domain, whose signature therefore says nothing about which of them wrote.
AMBIGUOUS = {
    "quote in a comment": b'(") <eve@company.test> (") <boss@company.test>',
    "quote in a comment, bare": b'(") eve@company.test (") boss@company.test',
    "quote in a comment, behind": b'<boss@company.test> (") , <eve@company.test> (")',
    "escape in a quote in a comment": b'("\\") <boss@company.test> (") <eve@company.test> (")',
    "escape in a comment": b"boss@company.test (\\)",
    "comment without end": b"boss@company.test (eve@company.test",
    "unfinished group": b"eve@company.test:boss@company.test",
    "two in one": b"eve@company.test <boss@company.test>",
}


@pytest.mark.parametrize("author", AMBIGUOUS.values(), ids=AMBIGUOUS)
def test_an_ambiguous_author_is_never_trusted_whoever_signs(author):
    octets = sign(
        b"From: " + author + b"\r\nSubject: pay\r\n\r\nNow.\r\n", d="company.test", names=(b"from", b"subject")
    )
    results = run(octets, ZONE).results
    assert results.dkim == "pass"
    assert evaluate(mailbox("*@company.test"), headers(octets), results)[0] == "false"


def test_a_quoted_nickname_in_a_comment_is_no_doubt():
    octets = sign(b'From: boss@company.test (Bo "The Boss" Ss)\r\n\r\nNow.\r\n', d="company.test", names=(b"from",))
    assert evaluate(mailbox("*@company.test"), headers(octets), run(octets, ZONE).results)[0] == "true"


@pytest.mark.parametrize("fields", SPOOFS.values(), ids=SPOOFS)
@pytest.mark.parametrize("sdid", ["evil.test", "test"])
def test_spoofs_are_never_trusted(fields, sdid):
    octets = fields + b"Subject: pay\r\n\r\nNow.\r\n"
    try:
        octets = sign(octets, d=sdid, names=(b"from", b"subject"))
    except Exception:  # dkimpy refuses to sign what is no header field; the attacker would not
        octets = b"DKIM-Signature: v=1; a=rsa-sha256; d=evil.test; s=s1; h=from; bh=AAAA; b=AAAA\r\n" + octets
    results = run(octets, ZONE).results
    assert evaluate(mailbox("boss@company.test", "*@company.test"), headers(octets), results)[0] == "false"


@pytest.mark.parametrize(
    ("trust", "senders", "expected"),
    [
        ("none", ("*",), ("none", "policy-none")),
        ("verified", (), ("false", "sender-not-listed")),
        ("verified", ("*",), ("true", "aligned-dkim:company.test")),
        ("verified", ("x@y.test", "*@company.test"), ("true", "aligned-dkim:company.test")),
    ],
)
def test_policies(trust, senders, expected):
    octets = sign(BOSS, d="company.test")
    assert evaluate(mailbox(*senders, trust=trust), headers(octets), run(octets, ZONE).results) == expected


def test_an_unreadable_author_is_never_trusted():
    results = AuthResults(dkim="pass", passing_sdids=("x.test",), aligned_sdids=("x.test",))
    assert evaluate(mailbox("*"), headers(BOSS), results) == ("false", "unreadable-from")
    assert evaluate(mailbox("*"), headers(b"\r\n"), NOTHING_VERIFIED) == ("false", "no-from")


@pytest.mark.parametrize(
    ("pattern", "author", "trusted"),
    [
        ("*@b\u00fccher.test", "a@b\u00fccher.test", "true"),
        ("a@B\u00dcCHER.test", "a@b\u00fccher.test", "true"),
        ("*@xn--bcher-kva.test", "a@b\u00fccher.test", "true"),
        ("*@xn--bcher-kva.test", "a@xn--bcher-kva.test", "true"),
        ("*@bucher.test", "a@b\u00fccher.test", "false"),
    ],
)
def test_an_internationalized_author_may_be_listed_by_either_form(pattern, author, trusted):
    octets = sign(message(author.encode()), d="xn--bcher-kva.test")
    results = run(octets, {"s1._domainkey.xn--bcher-kva.test": {"TXT": [record()]}}).results
    assert evaluate(mailbox(pattern), headers(octets), results)[0] == trusted


def test_an_author_of_a_megabyte_is_not_even_compared():
    octets = sign(message(b"a" * 1_000_000 + b"@company.test"), d="company.test")
    results = run(octets, ZONE).results
    verdict = evaluate(mailbox("*"), headers(octets), results)
    assert verdict == ("false", "unreadable-from")


MATCHES = [
    ("a@b.test", "a@b.test", True),
    ("A@B.test", "a@b.TEST", True),
    ("*@b.test", "a@b.test", True),
    ("*@b.test", "a@b.test.evil.test", False),
    ("*@b.test", "a@xb.test", False),
    ("*@*.b.test", "a@c.b.test", True),
    ("*@*.b.test", "a@b.test", False),
    ("*b.test", "a@evilb.test", True),
    ("a?@b.test", "ab@b.test", True),
    ("a?@b.test", "a@b.test", False),
    ("?", "ab", False),
    ("*", "a@b.test", True),
    ("", "a@b.test", False),
    ("", "", True),
    ("**", "", True),
    ("[ab]@b.test", "a@b.test", False),
    ("[ab]@b.test", "[ab]@b.test", True),
    ("!a@b.test", "c@b.test", False),
    ("{a,b}@b.test", "a@b.test", False),
    ("a.b@c.test", "axb@c.test", False),
    ("a+*@c.test", "a+tag@c.test", True),
    ("a\\*@c.test", "a\\x@c.test", True),
    (" a@b.test ", "a@b.test", True),
    ("a@b.test", "a@b.test\n", False),
    ("*@b.test", "a\n@b.test", True),
    ("*@fu\u00dfball.test", "a@fussball.test", False),
    ("*/x@b.test", "a/x@b.test", True),
    ("*a*b*c", "xxaxxbxxc", True),
    ("*a*b*c", "xxaxxcxxb", False),
]


@pytest.mark.parametrize(("pattern", "author", "expected"), MATCHES, ids=str)
def test_globs(pattern, author, expected):
    assert matches(pattern, author) is expected


def test_hostile_globs_cost_the_product_of_the_lengths():
    """Backtracking over all stars would take longer than the universe has."""
    pattern, author = "*a" * 200 + "b", "a" * 1000
    assert not within(10 * len(pattern) * len(author), lambda: matches(pattern, author))


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_globs_agree_with_their_definition(pattern, author):
    assert matches(pattern, author) is _defined(pattern, author)


def _defined(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return _defined(pattern[1:], text) or (bool(text) and _defined(pattern, text[1:]))
    return bool(text) and pattern[0] in ("?", text[0]) and _defined(pattern[1:], text[1:])
