"""DKIM, SPF and DMARC: fields, records, and whole verifications whose DNS the input brings along."""

import base64
import hashlib
import re
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from aimx import limits
from aimx.mailauth import dmarc, fields, keys, signature
from aimx.mailauth.canonical import relaxed, simple
from aimx.mailauth.questions import Asked
from aimx.mailauth.signature import Unusable
from aimx.mailauth.spf import WORDS
from aimx.model.authres import AuthResults
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope
from tests.fuzz.target import WORKER_S, Frame, target
from tests.fuzz.targets.pieces import fields as cut
from tests.mailauth.signing import SIGNED, message, private, record, sign
from tests.mailauth.world import FIXTURES, NOW, run, spf_result

_TAGS = (
    b"v=1; a=rsa-sha256; a=ed25519-sha256; d=example.test; s=s1; h=from:subject; bh= b= c=relaxed/simple; i=@example.test; l=0; "
    b"t=1 x=9 q=dns/txt; z=a:b \\r\\n~ ; = : ~ \\t AAAA ed25519 rsa k= p= v=DKIM1; h=sha256 s=email t=y:s g=* n="
)


@target(
    "dkim-signature",
    "aimx/mailauth/",
    _TAGS,
    bound=limits.DKIM_SIGNATURE_OCTETS * 4,
    seeds=lambda: [
        sign(message())[16:].partition(b"\r\nFrom:")[0],
        sign(message())[16:600],
        b" v=1; a=rsa-sha256; d=e.test; s=s; h=from; bh=AAAA; b=AAAA",
    ],
    frames=(Frame(), Frame(b"v=1; "), Frame(b"h=from"), Frame(b"b="), Frame(b"a=")),
    units=(b"a=b;", b"A", b"from:", b"\r\n ", b" "),
    within_s=WORKER_S,
)
def dkim_signature(octets: bytes) -> None:
    """A field is a signature or unusable."""
    try:
        found = signature.read(fields.Field(b"dkim-signature", b"DKIM-Signature", octets), NOW)
    except Unusable as unusable:
        assert str(unusable).isprintable()
        return
    assert 0 < len(found.sdid) <= limits.DOMAIN_NAME_OCTETS
    assert len(found.names) <= limits.DKIM_HEADER_NAMES
    assert "from" in found.names
    for name, value in (("h", "subject:to"), ("i", f"a@not{found.sdid}"), ("i", "a@other.test"), ("i", found.sdid)):
        tags = found.tags | {name: value}
        if name == "h" or not f".{value.rpartition('@')[2]}".endswith(f".{found.sdid}") or "@" not in value:
            _unusable("; ".join(map("=".join, tags.items())).encode())


def _unusable(octets: bytes) -> None:
    try:
        signature.read(fields.Field(b"dkim-signature", b"DKIM-Signature", octets), NOW)
    except Unusable:
        return
    raise AssertionError(f"a signature that covers too little, or speaks for others: {octets!r}")


_DIGEST = hashlib.sha256(b"ours").digest()
_SIGNATURES = {
    "rsa": load_pem_private_key((FIXTURES / "keys" / "rsa2048.pem").read_bytes(), None).sign(
        _DIGEST, PKCS1v15(), Prehashed(SHA256())
    ),
    "ed25519": private("ed25519").key.sign(_DIGEST),
}
_OURS = {"rsa": keys.read(record()), "ed25519": keys.read(record("ed25519"))}


@target(
    "dkim-key",
    "aimx/mailauth/",
    _TAGS,
    bound=limits.DKIM_RECORD_CHARACTERS * 4,
    longest=1200,
    seeds=lambda: [record().encode(), record("ed25519").encode(), b"p="],
    frames=(Frame(), Frame(b"v=DKIM1; p="), Frame(b"h=sha256")),
    units=(b"a=b;", b"A", b":sha256", b" "),
    within_s=WORKER_S,
)
def dkim_key(octets: bytes) -> None:
    """A record is a key or unusable; what our key signed, only our key verifies."""
    try:
        key = keys.read.__wrapped__(octets.decode("latin-1"))
    except Unusable as unusable:
        assert str(unusable).isprintable()
        return
    ours = key.public == _OURS[key.key_type].public
    assert key.verifies(_DIGEST, _SIGNATURES[key.key_type]) == ours
    assert not key.verifies(bytes(32), _SIGNATURES[key.key_type])
    if key.key_type == "rsa":
        numbers = key.public.public_numbers()
        assert 1024 <= numbers.n.bit_length() <= 4096 and numbers.e < 2**32
    form = PublicFormat.SubjectPublicKeyInfo if key.key_type == "rsa" else PublicFormat.Raw
    encoding = Encoding.DER if key.key_type == "rsa" else Encoding.Raw
    published = base64.b64encode(key.public.public_bytes(encoding, form)).decode()
    again = keys.read.__wrapped__(f"v=DKIM1; k={key.key_type}; t={'s' if key.exact_identity else 'y'}; p={published}")
    assert (again.public, again.exact_identity) == (key.public, key.exact_identity)


@target(
    "dkim-body",
    "aimx/mailauth/canonical",
    b"\\r\\n ~ \\t \\r \\n a \\0 ~\\r\\n",
    bound=1 << 22,
    units=(b" a", b"\r\n\r\n", b"\t \t\r\n"),
    frames=(Frame(), Frame(b"", b"a")),
    seeds=lambda: [b"a  b \r\n\r\n", b"\r\n\r\n", b"x y \tz\r\n \r\nx\ty"],
    cost=lambda octets: relaxed(simple(fields.with_crlf(octets))),
    within_s=WORKER_S,
)
def dkim_body(octets: bytes) -> None:
    """A canonical body is its own canonical form, and ends in one line end or is empty."""
    octets = fields.with_crlf(octets + b"\r\n")
    for form in (simple, relaxed):
        once = form(octets)
        assert form(once) == once
        assert not once.endswith(b"\r\n\r\n") or once == b"\r\n"
    assert relaxed(octets) == _by_the_line(octets)


def _by_the_line(octets: bytes) -> bytes:
    """RFC 6376 section 3.4.4, word for word."""
    lines = [re.sub(rb"[ \t]+", b" ", line).removesuffix(b" ") for line in octets.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


_SPF = (
    b"v=spf1~ ~-all ~~all ~?all ~+all ~a ~mx ~ptr ~a:b.test ~mx:b.test/24 ~a//64 ~ip4:192.0.2.0/24 ~ip6:2001:db8::/32 ~include:example.test "
    b"~include:b.test ~exists:%{i}.%{l1r-}.%{d2}.x.test ~redirect=b.test ~exp=%{z} %{ir} %{v} %{h} %{p} %{S} %% %_ %- / \x1e"
)


def _spf_input(octets: bytes) -> tuple[str, str, str | None, list[str]]:
    reverse_path, helo, peer, *records = cut(octets, 7)
    peers = {b"6": "2001:db8::1", b"m": "::ffff:192.0.2.1", b"n": None}
    return (
        reverse_path.decode("utf-8", "replace") or "a@example.test",
        helo.decode("utf-8", "replace"),
        peers.get(peer[:1], "192.0.2.1"),
        [one.decode("latin-1") for one in records],
    )


def _answering(records: list[str]) -> Callable[[Question], Answer]:
    """The n-th name that is asked for gets the n-th record, round and round."""
    order: dict[str, int] = {}

    def resolve(question: Question) -> Answer:
        number = order.setdefault(question.name, len(order))
        text = records[number % len(records)] if records else ""
        if not text:
            return Answer(question, "nxdomain")
        if text.startswith("!"):
            return Answer(question, "temperror")
        return Answer(question, "ok", tuple(text.split("\x1f")))

    return resolve


@target(
    "spf",
    "aimx/mailauth/ site-packages/spf.py",
    _SPF,
    longest=1500,
    bound=limits.SPF_RECORD_CHARACTERS * 2,
    seeds=lambda: [
        b"a@example.test\x1eh.test\x1e4\x1ev=spf1 a mx include:b.test -all\x1e192.0.2.1\x1e10 mx.test\x1ev=spf1 ptr exists:%{i}.x.test redirect=b.test"
    ],
    frames=(
        Frame(b"a@example.test\x1eh\x1e4\x1ev=spf1"),
        Frame(b"a@example.test\x1eh\x1e4\x1ev=spf1 exists:"),
        Frame(b"", b"@example.test\x1eh\x1e4\x1ev=spf1 exists:%{l}.x.test -all"),
        Frame(b"a@example.test\x1eh\x1e4\x1ev=spf1 include:b.test -all\x1ev=spf1"),
    ),
    units=(
        b" a:a.test",
        b" include:c.test",
        b" mx",
        b"%{i}",
        b"%{ir}.",
        b"%{l}",
        b"a.",
        b"%{d1r.-+,/_=}",
        b" ip4:1.2.3.4",
    ),
    within_s=WORKER_S,
)
def spf(octets: bytes) -> None:
    """Whatever records say, SPF ends within its rounds in one of RFC 7208's words."""
    reverse_path, helo, peer, records = _spf_input(octets)
    result, rounds = spf_result(peer, reverse_path, helo, _answering(records))
    assert result in WORDS
    assert rounds <= limits.DNS_ROUNDS
    assert spf_result("192.0.2.1", "a@example.test", "h", _answering([_terms(octets)[0]]))[0] == _terms(octets)[1]
    assert spf_result("no address", reverse_path, "h.test", _answering(["v=spf1 +all"]))[0] in ("permerror", "none")


_KNOWN_TERMS = {
    "ip4:198.51.100.1": "", "-ip4:203.0.113.0/24": "", "ip6:2001:db8::/32": "",
    "ip4:192.0.2.0/24": "pass", "-ip4:192.0.2.1": "fail", "~ip4:192.0.2.0/25": "softfail", "?ip4:192.0.2.1/32": "neutral",
    "-all": "fail", "~all": "softfail", "?all": "neutral", "+all": "pass", "all": "pass",
    "nonsense:x": "permerror", "ip4:192.0.2": "permerror", "include:": "permerror",
}  # fmt: skip


def _terms(octets: bytes) -> tuple[str, str]:
    """A record that the input chooses, and what RFC 7208 says of 192.0.2.1: its first term that says anything."""
    chosen = [list(_KNOWN_TERMS)[octet % len(_KNOWN_TERMS)] for octet in octets[:6]]
    said = [_KNOWN_TERMS[term] for term in chosen]
    last = next((number for number, word in enumerate(said) if word), len(said))
    return " ".join(["v=spf1", *chosen[: last + 1]]), (said[last] if last < len(said) else "neutral")


@target(
    "dmarc",
    "aimx/mailauth/dmarc aimx/mailauth/domain",
    b"v=DMARC1; p=none p=reject sp=quarantine rua=mailto:a@b adkim=s aspf=r ; = ~ pct=100 \x1f",
    bound=limits.DMARC_RECORD_CHARACTERS * 4,
    seeds=lambda: [b"example.co.uk\x1ev=DMARC1; p=reject; adkim=s", b"a.b.test\x1ev=DMARC1;rua=mailto:x"],
    frames=(Frame(b"a.test\x1ev=DMARC1;"), Frame(b"a.test\x1e"), Frame()),
    units=(b"a=b;", b"a.", b"=", b"v=DMARC1;\x1f"),
    within_s=WORKER_S,
)
def dmarc_record(octets: bytes) -> None:
    """A policy is discovered or there is none."""
    name, records = cut(octets, 2)
    domain = name.decode("latin-1") or "a.test"
    answers: dict[Question, Answer] = {}
    asked = Asked(answers, False)
    dmarc.ask(domain, asked)
    for question in asked.missing():
        answers[question] = Answer(question, "ok", tuple(records.decode("latin-1").split("\x1f")))
    policy = dmarc.discover(domain, Asked(answers, True))
    for aligned in ((False, False), (False, True), (True, False), (True, True)):
        expected = "none" if policy.status != "found" else "pass" if any(aligned) else "fail"
        assert dmarc.result(policy, *aligned) == expected


def _verify(octets: bytes) -> AuthResults:
    reverse_path, one, two, mail = cut(octets, 4)
    envelope = Envelope(reverse_path.decode("utf-8", "replace"), (), "192.0.2.1", "h.test", NOW)
    others = _answering([one.decode("latin-1"), two.decode("latin-1"), record()])

    def resolve(question: Question) -> Answer:
        ours = question == Question("s1._domainkey.example.test", "TXT")
        return Answer(question, "ok", (record(),)) if ours else others(question)

    return run(mail, {}, envelope, resolve).results


@target(
    "verify",
    "aimx/mailauth/ site-packages/dkim/",
    _TAGS
    + b" From:~a@example.test\\r\\n From:~b@c.test DKIM-Signature:~ \\r\\n\\r\\n \\n \\r \x1e v=spf1~-all v=DMARC1;~p=none",
    longest=3000,
    bound=1 << 18,
    seeds=lambda: [
        b"a@example.test\x1ev=spf1 a -all\x1ev=DMARC1; p=none\x1e" + sign(message()),
        b"\x1e\x1e\x1e" + message(),
        b"a@example.test\x1ev=spf1 -all\x1e\x1e" + message(),
    ],
    frames=(
        Frame(b"a@example.test\x1e\x1e\x1e"),
        Frame(b"a@example.test\x1e\x1e\x1eFrom: a@example.test\r\n"),
        Frame(b"a@b.test\x1e\x1e\x1eFrom: a@example.test\r\n\r\n"),
        Frame(
            b"a@b.test\x1e\x1e\x1eDKIM-Signature: v=1; a=rsa-sha256; d=example.test; s=s1; bh=AAAA; b=AAAA; h=from",
            b"\r\nFrom: a@example.test\r\nReceived: x\r\n\r\n",
        ),
    ),
    units=(
        sign(message())[:400].split(b"\r\nFrom")[0] + b"\r\n",
        b"DKIM-Signature: a=b\r\n",
        b"Received: x\r\n",
        b":received",
        b" x\r\n",
        b"From: a@b\r\n",
    ),
    within_s=WORKER_S,
)
def verification(octets: bytes) -> None:
    """Only what our key signed passes, unchanged; `run` asserts that no question comes twice and rounds are bounded."""
    results = _verify(octets)
    assert results.detail.isprintable()
    passing = set(results.passing_sdids)
    assert set(results.strict_sdids) <= set(results.aligned_sdids) <= passing
    assert (results.dkim == "pass") == bool(passing)
    assert not passing or passing == {"example.test"}
    assert results.dmarc != "pass" or results.aligned_sdids or results.spf == "pass"
    if octets.startswith(b"a@example.test\x1ev=spf1 -all\x1e"):  # the first name that is asked is the sender's
        assert results.spf == "fail"
    if passing:
        assert _signed_parts(cut(octets, 4)[3]) == _signed_parts(message())


def _signed_parts(mail: bytes) -> tuple[bytes, ...]:
    """What the one signature that there can be is over, in the relaxed form (RFC 6376 section 3.4)."""
    head, _, body = mail.replace(b"\r\n", b"\n").partition(b"\n\n")
    named: dict[bytes, bytes] = {}
    for line in re.sub(rb"\n[ \t]", b" ", head).split(b"\n"):  # the last of a name is the one that counts
        name, _, value = line.partition(b":")
        named[name.strip(b" \t").lower()] = re.sub(rb"[ \t]+", b" ", value).strip(b" \t")
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" \t") for line in body.split(b"\n")]
    return (*(named.get(name, b"") for name in SIGNED), b"\n".join(lines).rstrip(b"\n"))
