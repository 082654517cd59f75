"""DMARC: where the record is found, what it aligns, what the field says (A3)."""

import pytest

from aimx.mailauth import domain
from aimx.model.domain import a_label
from aimx.model.envelope import Envelope
from tests.mailauth.signing import message, record, sign
from tests.mailauth.world import NOW, run

PASS_SPF = "v=spf1 ip4:192.0.2.1 -all"


def verdict(octets: bytes, sender: str, policy: dict[str, list[str] | str]):
    """Results for a message with SPF pass for `sender` and keys for every d= of these tests."""
    zone: dict[str, dict[str, list[str] | str]] = {f"_dmarc.{name}": {"TXT": texts} for name, texts in policy.items()}
    zone |= {f"s1._domainkey.{name}": {"TXT": [record()]} for name in SIGNERS}
    zone[sender.rpartition("@")[2]] = {"TXT": [PASS_SPF]}
    return run(octets, zone, Envelope(sender, (), "192.0.2.1", "h.test", NOW)).results


SIGNERS = ("example.test", "mail.example.test", "other.test", "co.uk", "com", "a.co.uk", "xn--bcher-kva.test")
FROM_EXAMPLE = message()
REJECT = {"example.test": ["v=DMARC1; p=reject"]}
STRICT = {"example.test": ["v=DMARC1; p=reject; adkim=s; aspf=s"]}

ALIGNMENT = {
    "nothing passes": (FROM_EXAMPLE, "a@other.test", REJECT, "fail"),
    "spf aligned": (FROM_EXAMPLE, "a@example.test", REJECT, "pass"),
    "spf of a subdomain": (FROM_EXAMPLE, "a@bounce.example.test", REJECT, "pass"),
    "spf of a subdomain, strict": (FROM_EXAMPLE, "a@bounce.example.test", STRICT, "fail"),
    "spf strict": (FROM_EXAMPLE, "a@EXAMPLE.test", STRICT, "pass"),
    "dkim aligned": (sign(FROM_EXAMPLE), "a@other.test", REJECT, "pass"),
    "dkim of a subdomain": (sign(FROM_EXAMPLE, d="mail.example.test"), "a@other.test", REJECT, "pass"),
    "dkim of a subdomain, strict": (sign(FROM_EXAMPLE, d="mail.example.test"), "a@other.test", STRICT, "fail"),
    "dkim strict": (sign(FROM_EXAMPLE, d="Example.TEST"), "a@other.test", STRICT, "pass"),
    "dkim of somebody else": (sign(FROM_EXAMPLE, d="other.test"), "a@other.test", REJECT, "fail"),
    "dkim of both": (sign(sign(FROM_EXAMPLE), d="other.test"), "a@other.test", REJECT, "pass"),
    "author is a subdomain": (sign(message(b"a@deep.sub.example.test")), "a@other.test", REJECT, "pass"),
    "tampered": (sign(FROM_EXAMPLE) + b"x\r\n", "a@other.test", REJECT, "fail"),
    "no policy": (sign(FROM_EXAMPLE), "a@example.test", {}, "none"),
}


@pytest.mark.parametrize(("octets", "sender", "policy", "expected"), ALIGNMENT.values(), ids=ALIGNMENT)
def test_alignment(octets, sender, policy, expected):
    assert verdict(octets, sender, policy).dmarc == expected


RECORDS = {
    "plain": (["v=DMARC1; p=none"], "fail", ""),
    "blanks": (["v = DMARC1 ;p = none"], "fail", ""),
    "among others": (["hello", "v=DMARC1; p=none", "v=spf1 -all"], "fail", ""),
    "unknown tags": (["v=DMARC1; p=none; x=y; ; nonsense"], "fail", ""),
    "two": (["v=DMARC1; p=none", "v=DMARC1; p=reject"], "none", "dmarc=permerror"),
    "wrong version": (["v=DMARC2; p=none"], "none", ""),
    "version in lower case": (["v=dmarc1; p=none"], "none", ""),
    "longer version": (["v=DMARC11; p=none"], "none", ""),
    "version not first": (["p=none; v=DMARC1"], "none", ""),
    "no p": (["v=DMARC1"], "none", "dmarc=permerror"),
    "no p but reports": (["v=DMARC1; rua=mailto:x@example.test"], "fail", ""),
    "bad p": (["v=DMARC1; p=maybe"], "none", "dmarc=permerror"),
    "bad sp": (["v=DMARC1; p=none; sp=maybe"], "none", "dmarc=permerror"),
    "60 KB": (["v=DMARC1; p=none; " + "x" * 60_000], "none", "dmarc=permerror"),
    "dead": ("temperror", "none", "dmarc=temperror"),
}


@pytest.mark.parametrize(("records", "expected", "detail"), RECORDS.values(), ids=RECORDS)
def test_records(records, expected, detail):
    results = verdict(FROM_EXAMPLE, "a@other.test", {"example.test": records})
    assert (results.dmarc, results.detail) == (expected, detail)


DISCOVERY = {
    "own record first": ({"sub.example.test": ["v=DMARC1; p=none; aspf=s"], **REJECT}, "fail"),
    "organizational": (REJECT, "pass"),
    "own record unreadable": ({"sub.example.test": ["hello"], **REJECT}, "pass"),
    "own look-up dead": ({"sub.example.test": "temperror", **REJECT}, "none"),
    "organizational look-up dead": ({"example.test": "temperror"}, "none"),
    "own record, organizational dead": (
        {"sub.example.test": ["v=DMARC1; p=none"], "example.test": "temperror"},
        "pass",
    ),
    "nobody in between": ({"b.sub.example.test": ["v=DMARC1; p=none"]}, "none"),
}


@pytest.mark.parametrize(("policy", "expected"), DISCOVERY.values(), ids=DISCOVERY)
def test_discovery(policy, expected):
    assert verdict(message(b"a@sub.example.test"), "a@example.test", policy).dmarc == expected


AUTHORS = {
    "two addresses": (b"a@example.test, b@example.test", "fail"),
    "two fields": (b"a@example.test\r\nFrom: b@example.test", "fail"),
    "no address": (b"nobody", "none"),
    "empty": (b"", "none"),
    "literal": (b"a@[192.0.2.1]", "none"),
    "impossible name": (b"a@exa_mple..test", "none"),
}


@pytest.mark.parametrize(("sender", "expected"), AUTHORS.values(), ids=AUTHORS)
def test_without_one_author_nothing_aligns(sender, expected):
    results = verdict(sign(message(sender)), "a@example.test", REJECT)
    assert (results.dmarc, results.author_domain, results.aligned_sdids) == (expected, None, ())


def test_both_places_are_asked_in_the_first_round():
    seen = run(sign(message(b"a@deep.sub.example.test")), {})
    names = {question.name for question in seen.rounds[0]}
    assert {"_dmarc.deep.sub.example.test", "_dmarc.example.test", "s1._domainkey.example.test"} <= names
    assert len(seen.rounds) == 1


def test_unknown_alignment_counts_as_strict():
    assert verdict(FROM_EXAMPLE, "a@other.test", {"example.test": "temperror"}).dkim_strict


ALIGNED = {
    ("example.test", "example.test"): (True, True),
    ("mail.example.test", "example.test"): (True, False),
    ("example.test", "mail.example.test"): (True, False),
    ("a.example.test", "b.example.test"): (True, False),
    ("evilexample.test", "example.test"): (False, False),
    ("com", "example.com"): (False, False),
    ("com", "com"): (False, False),
    ("co.uk", "a.co.uk"): (False, False),
    ("a.co.uk", "b.co.uk"): (False, False),
    ("x.a.co.uk", "a.co.uk"): (True, False),
    ("a.github.io", "b.github.io"): (False, False),
    ("test", "example.test"): (False, False),
    ("xn--bcher-kva.test", "a.xn--bcher-kva.test"): (True, False),
}


@pytest.mark.parametrize(("pair", "expected"), ALIGNED.items(), ids=str)
def test_identifiers(pair, expected):
    assert tuple(domain.aligned(*pair, strict=strict) for strict in (False, True)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Example.TEST", "example.test"),
        ("b\u00fccher.test", "xn--bcher-kva.test"),
        ("B\u00dcCHER.test", "xn--bcher-kva.test"),
        ("xn--bcher-kva.test", "xn--bcher-kva.test"),
        ("fu\u00dfball.test", "xn--fuball-cta.test"),
        ("s1._domainkey.example.test", "s1._domainkey.example.test"),
        ("example.test.", None),
        ("-a.test", None),
        ("a..b", None),
        ("", None),
        ("a b.test", None),
        ("a\x00.test", None),
        ("[192.0.2.1]", None),
        ("a" * 64 + ".test", None),
        ("a." * 127 + "test", None),
        ("\u200d.test", None),
        ("\ud800.test", None),
        ("\u00fc" * 60 + ".test", None),
        ("x" * 1_000_000, None),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_domain_names(text, expected):
    assert a_label(text) == expected
