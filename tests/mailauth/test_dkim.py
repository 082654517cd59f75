"""DKIM against signatures made by stock dkimpy: what passes, what is refused and why (A1)."""

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers

from aimx import limits
from aimx.mailauth import dkim, fields, verify
from aimx.mailauth.questions import Asked
from aimx.model.dns import Answer, Question
from tests.mailauth.signing import BODY, SIGNED, message, private, record, sign
from tests.mailauth.world import NOW, run

KEY = "s1._domainkey.example.test"


def zone(text: str | None = None, name: str = KEY) -> dict[str, dict[str, list[str]]]:
    return {name: {"TXT": [record() if text is None else text]}}


def outcome(octets: bytes, records: dict | None = None) -> tuple[str, str]:
    """The field and the first signature's word with its reason."""
    seen = run(octets, zone() if records is None else records)
    detail = seen.results.detail.partition(";")[0]
    return seen.results.dkim, detail


@pytest.mark.parametrize("canonicalization", ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"])
@pytest.mark.parametrize("key", ["rsa1024", "rsa2048", "rsa4096", "ed25519"])
def test_good_signatures_pass(canonicalization, key):
    results = run(sign(message(), key, c=canonicalization), zone(record(key))).results
    assert (results.dkim, results.passing_sdids, results.detail) == ("pass", ("example.test",), "")


@pytest.mark.parametrize(
    "octets",
    [
        sign(message(body=b"")),
        sign(message(body=b"\r\n\r\n")),
        sign(message(body=b"no line end")),
        sign(message(body=b" \t\r\n \r\n")),
        sign(message(body=b"8-bit \xff\xfe \x00\r\n")),
        sign(message(), t=None),
        sign(message(), q="dns/txt"),
        sign(message(), i="@example.test"),
        sign(message(), i="someone@sub.example.test"),
        sign(message(), x=str(int(NOW) + 60)),
        sign(message(), d="EXAMPLE.test"),
        sign(message(), l=str(len(b"Hello agent,\r\n\r\nsee you there.\r\n"))),
        sign(message(), names=(*SIGNED, b"from", b"reply-to", b"x-absent")),
        sign(message(extra=b"Received: one\r\nReceived: two\r\n"), names=(*SIGNED, b"received", b"received")),
        sign(message(extra=b"X-Note: \t  wide   \r\n\t  fold \r\n"), names=(*SIGNED, b"x-note")),
        sign(message(), unknown="tag"),
        b"X-Unsigned: on top\r\n" + sign(message()),
        b"From al Mon Nov  2 10:00:00 2026\r\n" + sign(message()),
        sign(message()).replace(b"\r\n", b"\n"),
        sign(message(), names=tuple(name.title() for name in SIGNED)),
    ],
    ids=lambda octets: None,
)
def test_legal_variants_pass(octets):
    assert outcome(octets)[0] == "pass"


@pytest.mark.parametrize(
    "text",
    [
        record(tags="p").replace("pp=", "p="),
        record(pkcs1=True),
        record(tags="v=DKIM1; t=y; "),
        record(tags="v=DKIM1; t=s; "),
        record(tags="v=DKIM1; h=sha1:sha256; "),
        record(tags="v=DKIM1; s=other : email; "),
        record(tags="v=DKIM1; n=a note; "),
        record() + ";",
        record() + " ; \t",
        record()[:60] + " " + record()[60:],
    ],
    ids=lambda text: text[:24],
)
def test_legal_key_records_pass(text):
    assert outcome(sign(message()), zone(text)) == ("pass", "")


TAMPERED = {
    "body": sign(message()).replace(b"Hello  agent", b"Hello  Agent"),
    "appended": sign(message()) + b"PS: pay me\r\n",
    "subject": sign(message()).replace(b"folded  subject", b"folded  object"),
    "from": sign(message()).replace(b"Al <al@", b"Bo <bo@"),
    "second from": b"From: Boss <boss@example.test>\r\n" + sign(message()),
    "over-signed": b"Reply-To: x@evil.test\r\n" + sign(message(), names=(*SIGNED, b"reply-to")),
    "bh": sign(message(), bh=base64.b64encode(b"\0" * 32).decode()),
    "a tag of the signature": sign(message(), u="xxx").replace(b"u=xxx", b"u=xyx"),
    "simple blank": sign(message(), c="simple/simple").replace(b"Hello  agent", b"Hello agent"),
}


@pytest.mark.parametrize("octets", TAMPERED.values(), ids=TAMPERED)
def test_tampering_fails(octets):
    assert outcome(octets)[0] == "fail"


def by_hand(tags: bytes) -> bytes:
    """A signature that nobody folded or signed."""
    return b"DKIM-Signature: v=1; a=rsa-sha256; h=from; bh=AAAA; b=AAAA; " + tags + b"\r\n" + message()


MALFORMED = {
    "no from in h": (sign(message(), names=(b"to", b"subject")), "permerror (From not signed)"),
    "sha1": (sign(message(), a="rsa-sha1"), "permerror (unacceptable algorithm)"),
    "unknown algorithm": (sign(message(), a="rsa-md5"), "permerror (unacceptable algorithm)"),
    "ed25519 with rsa key": (sign(message(), a="ed25519-sha256"), "permerror (example.test: key of another type)"),
    "version": (sign(message(), v="2"), "permerror (unknown version)"),
    "no version": (sign(message(), v=None), "permerror (no v=)"),
    "no d": (sign(message(), d=None), "permerror (no d=)"),
    "no s": (sign(message(), s=None), "permerror (no s=)"),
    "no bh": (sign(message(), bh=None), "permerror (no bh=)"),
    "bad bh": (sign(message(), bh="AAAA"), "permerror (malformed bh=)"),
    "bh not base64": (sign(message(), bh="*"), "permerror (malformed base64)"),
    "expired": (sign(message(), t=str(int(NOW) - 9000), x=str(int(NOW) - 7200)), "permerror (expired)"),
    "future": (sign(message(), t=str(int(NOW) + 90_000)), "permerror (signed in the future)"),
    "x before t": (sign(message(), x=str(int(NOW) - 1)), "permerror (expires before it was signed)"),
    "x of 5000 digits": (sign(message(), x="9" * 5000), "permerror (malformed x=)"),
    "x negative": (sign(message(), x="-1"), "permerror (malformed x=)"),
    "x in other digits": (sign(message(), x="\u0661\u0662"), "permerror (malformed x=)"),
    "i outside": (sign(message(), i="@evil.test"), "permerror (i= outside d=)"),
    "i lookalike": (sign(message(), i="@evilexample.test"), "permerror (i= outside d=)"),
    "i without at": (sign(message(), i="example.test"), "permerror (i= outside d=)"),
    "l zero": (sign(message(), l="0"), "policy (example.test: l= leaves body octets unsigned)"),
    "l short": (sign(message(), l="5") + b"more\r\n", "policy (example.test: l= leaves body octets unsigned)"),
    "l long": (sign(message(), l="99999"), "permerror (example.test: l= exceeds the body)"),
    "query method": (sign(message(), q="http/txt"), "permerror (unknown query method)"),
    "canonicalization": (by_hand(b"d=example.test; s=s1; c=nowsp"), "permerror (unknown canonicalization)"),
    "single label d": (sign(message(), d="test"), "permerror (malformed d=)"),
    "d with blank": (sign(message(), d="exa mple.test"), "permerror (malformed d=)"),
    "d too long": (by_hand(b"d=" + b"a." * 130 + b"test; s=s1"), "permerror (malformed d=)"),
    "s with colon": (sign(message(), s="a:b"), "permerror (malformed s=)"),
    "name too long": (by_hand(b"d=example.test; s=" + b".".join([b"a" * 60] * 4)), "permerror (malformed s=)"),
    "controls that count as blanks": (
        sign(message(), z="x").replace(b"z=x", b"z= b" + b"\v\r\n\t\f" * 3000 + b"x"), "permerror (malformed folding)"),
    "a fold of nothing": (sign(message(), z="x").replace(b"z=x", b"z=a\r\n \t\r\n x"), "permerror (malformed folding)"),
    "tag twice": (sign(message()).replace(b"v=1;", b"v=1; v=1;"), "permerror (a tag twice)"),
    "no tag list": (b"DKIM-Signature: hello\r\n" + message(), "permerror (malformed tag list)"),
    "empty": (b"DKIM-Signature:\r\n" + message(), "permerror (no v=)"),
    "not text": (b"DKIM-Signature: v=1; a=\xff\r\n" + message(), "permerror (malformed tag list)"),
    "colon before name": (b": x\r\n" + sign(message()), "permerror (malformed header field)"),
    "blank in a name": (b"Fro m: x\r\n" + sign(message()), "permerror (malformed header field)"),
    "line without colon": (b"hello there\r\n" + sign(message()), "permerror (malformed header field)"),
    "leading fold": (b" folded first\r\n" + sign(message()), "permerror (malformed header field)"),
    "bare CR": (b"X: a\rFrom: boss@example.test\r\n" + sign(message()), "permerror (malformed header field)"),
}  # fmt: skip


@pytest.mark.parametrize(("octets", "why"), MALFORMED.values(), ids=MALFORMED)
def test_what_is_malformed_fails_with_its_reason(octets, why):
    assert outcome(octets) == ("fail", f"dkim={why}")


def _numbers(modulus: int, exponent: int) -> str:
    key = RSAPublicNumbers(exponent, modulus).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return "p=" + base64.b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()


MODULUS = private("rsa4096")["modulus"]
KEYS = {
    "revoked": ("v=DKIM1; p=", "permerror", "key revoked"),
    "no p": ("v=DKIM1; k=rsa", "permerror", "no key in record"),
    "other record": ("google-site-verification=x", "permerror", "malformed tag list"),
    "version": (record(tags="v=DKIM2; "), "permerror", "unknown key version"),
    "sha1 only": (record(tags="h=sha1; "), "permerror", "key not for sha256"),
    "tlsrpt": (record(tags="s=tlsrpt; "), "permerror", "key not for mail"),
    "unknown type": (record(tags="k=dsa; "), "permerror", "unknown key type"),
    "ed25519 label on rsa": (record(tags="k=ed25519; "), "permerror", "malformed key"),
    "ed25519 key": (record("ed25519"), "permerror", "key of another type"),
    "not base64": ("p=!!!!", "permerror", "malformed base64"),
    "not a key": ("p=AAAA", "permerror", "malformed key"),
    "not ascii": ("p=AA\u00ff\u00fe", "permerror", "malformed base64"),
    "512 bits": (record("rsa512"), "permerror", "key of 512 bits"),
    "768 bits": (record("rsa768"), "permerror", "key of 768 bits"),
    "8192 bits": (record("rsa8192"), "permerror", "key of 8192 bits"),
    "65536 bits": (_numbers(1 << 65535 | 1, 65537), "permerror", "key record too long"),
    "huge exponent": (_numbers(MODULUS, MODULUS - 2), "permerror", "key exponent too large"),
    "another key": (record("rsa1024"), "fail", "signature does not verify"),
    "record of 60 KB": ("p=" + "A" * 60_000, "permerror", "key record too long"),
    "10000 tags": (";".join(f"a{n}=1" for n in range(700)) + "; p=", "permerror", "key revoked"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "word", "why"), KEYS.values(), ids=KEYS)
def test_unfit_keys_fail(text, word, why):
    assert outcome(sign(message()), zone(text)) == ("fail", f"dkim={word} (example.test: {why})")


@pytest.mark.parametrize("key", ["rsa512", "rsa768", "rsa8192"])
def test_a_matching_key_of_unfit_size_fails_too(key):
    assert outcome(sign(message(), key), zone(record(key)))[0] == "fail"


def test_flag_s_binds_the_identity():
    octets = sign(message(), i="@sub.example.test")
    assert outcome(octets, zone(record(tags="t=s; "))) == ("fail", "dkim=permerror (example.test: i= is not d=)")
    assert outcome(octets)[0] == "pass"


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ({}, "permerror (example.test: no key published)"),
        ({KEY: {"A": ["192.0.2.1"]}}, "permerror (example.test: no key published)"),
        ({KEY: {"TXT": "temperror"}}, "temperror (example.test: key lookup failed)"),
    ],
    ids=["nxdomain", "nodata", "temperror"],
)
def test_a_key_that_cannot_be_had(records, why):
    assert outcome(sign(message()), records) == ("fail", f"dkim={why}")


def test_the_readable_key_among_several_records_counts():
    assert outcome(sign(message()), {KEY: {"TXT": ["unrelated", record()]}}) == ("pass", "")


def test_no_signature_is_none():
    assert outcome(message(), {}) == ("none", "")
    assert outcome(b"", {}) == ("none", "")


def test_any_of_the_first_five_passes_and_no_later_one():
    bad = sign(message(), d="bad.test")[: -len(message())]
    for count, expected in ((4, "pass"), (5, "fail")):
        octets = bad * count + sign(message())
        seen = run(octets, zone())
        assert seen.results.dkim == expected
        keys = [question for question in seen.rounds[0] if "_domainkey" in question.name]
        assert len(keys) <= limits.DKIM_SIGNATURES


def test_the_body_is_hashed_once_for_each_canonicalization(monkeypatch):
    hashed = []
    real = dkim.canonical.relaxed
    monkeypatch.setattr(
        dkim.dkim.canonicalization.Relaxed, "canonicalize_body", lambda body: hashed.append(1) or real(body)
    )
    octets = message()
    for number in range(5):
        octets = sign(octets, d=f"d{number}.test")
    hashed.clear()
    records = {f"s1._domainkey.d{number}.test": {"TXT": [record()]} for number in range(5)}
    assert len(run(octets, records).results.passing_sdids) == 5
    assert len(hashed) == 1


HOSTILE = {
    "99 signatures": b"".join(b"DKIM-Signature: v=1; a=rsa-sha256; d=a%d.test\r\n" % n for n in range(99)) + message(),
    "h of 20000 names": sign(message()).replace(b"h=from", b"h=" + b"from:" * 20_000 + b"from"),
    "h of 400 absent names": sign(message(), names=(*SIGNED, *(b"x-%d" % n for n in range(400)))),
    "10000 received": sign(b"Received: x\r\n" * 10_000 + message(), names=(*SIGNED, *[b"received"] * 400)),
    "folds of blanks": message(extra=b"DKIM-Signature: v=1; b" + b"\r\n \t" * 5000 + b"\r\n"),
    "one field of 2 MB": message(extra=b"DKIM-Signature: " + b"a=b;" * 500_000 + b"\r\n"),
    "100000 folds": sign(message(extra=b"X: a" + b"\r\n b" * 100_000 + b"\r\n"), names=(*SIGNED, b"x")),
    "spaces": sign(message(body=b" " * 1_000_000 + b"x\r\n")),
    "blank lines": sign(message(body=b"\r\n" * 1_000_000)),
    "lines of 990 spaces": sign(message(body=(b" " * 990 + b"\r\n") * 1000)),
    "carriage returns": sign(message(body=b"\r" * 1_000_000)),
    "mixed tail": sign(message(body=b"x" + b"\r\n\r" * 300_000 + b"\r\n" * 100_000)),
    "nul": b"\0" * 100_000,
    "colons": b":" * 100_000,
}  # fmt: skip


@pytest.mark.parametrize("octets", HOSTILE.values(), ids=HOSTILE)
def test_hostile_messages_are_results(octets):
    """What such lengths cost is measured by the fuzz target `verify`."""
    assert run(octets, zone()).results.dkim in ("pass", "fail", "none")


def test_a_library_that_breaks_is_a_result(monkeypatch):
    def broken(*_):
        raise RecursionError("deep")

    monkeypatch.setattr(dkim.dkim.DKIM, "verify_sig_process", broken)
    assert outcome(sign(message())) == ("fail", "dkim=permerror (example.test: not verifiable: RecursionError)")


def test_dkimpy_itself_accepts_what_we_accept_and_refuses_what_we_refuse():
    """Stock verification, its own arithmetic put back for the call, over the tampered and the good."""
    stock = dkim.dkim.crypto.RSASSA_PKCS1_v1_5_verify
    patched, dkim.dkim.RSASSA_PKCS1_v1_5_verify = dkim.dkim.RSASSA_PKCS1_v1_5_verify, stock
    try:
        texts = {**TAMPERED, "good": sign(message()), "simple": sign(message(), c="simple/simple")}
        found = {}
        for name, octets in texts.items():
            try:
                found[name] = dkim.dkim.DKIM(octets).verify(0, dnsfunc=lambda *_, **__: record().encode())
            except dkim.dkim.DKIMException:
                found[name] = False
    finally:
        dkim.dkim.RSASSA_PKCS1_v1_5_verify = patched
    ours = {name: outcome(octets)[0] == "pass" for name, octets in texts.items()}
    assert found == ours
    assert ours["good"] and ours["simple"] and not any(ours[name] for name in TAMPERED)


def test_nothing_is_computed_before_every_key_is_known(monkeypatch):
    monkeypatch.setattr(verify.dkim, "verify", lambda *_: pytest.fail("computed too early"))
    parsed = fields.cut(sign(message()))
    asked = Asked({}, final=False)
    dkim.ask(dkim.candidates(parsed, NOW), asked)
    assert asked.missing() == (Question(KEY, "TXT"),)
    answered = Asked({Question(KEY, "TXT"): Answer(Question(KEY, "TXT"), "nodata")}, final=False)
    dkim.ask(dkim.candidates(parsed, NOW), answered)
    assert answered.missing() == ()
    assert parsed.body == BODY
