"""Whatever the octets and the answers: verification ends in results, and asks nothing twice."""

import re

import dkim
import dkim.canonicalization
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.mailauth import canonical, fields, keys, signature
from aimx.mailauth.signature import Unusable
from aimx.mailauth.verify import verify
from aimx.mime.read import read_message
from aimx.model.authres import AuthResults
from aimx.model.dns import Answer, Question
from aimx.model.envelope import Envelope
from tests.mailauth.signing import message, record, sign
from tests.mailauth.world import NOW, run

LINES = st.sampled_from(
    [b"From: a@example.test\r\n", b"From: b@example.test\r\n", b"Subject: x\r\n", b" fold\r\n", b"\r\n", b"\n", b"\r",
     b"DKIM-Signature: v=1; a=rsa-sha256; d=example.test; s=s1; h=from; bh=", b"DKIM-Signature:", b"b=", b";", b"\0",
     b"AAAA", b"v=1;", b"\xff", b"From \r\n", sign(message())[:400], message()]
)  # fmt: skip
OCTETS = st.one_of(st.binary(max_size=300), st.lists(LINES | st.binary(max_size=6), max_size=20).map(b"".join))
RECORDS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        ["v=spf1 include:example.test -all", "v=spf1 a mx ptr exists:%{i}.%{l}.x.test redirect=b.test",
         "v=spf1 mx:%{p}",
         "v=spf1 a:a.test a:b.test a:c.test a:d.test include:e.test", "v=DMARC1; p=none", "v=DMARC1; adkim=s; p=reject",
         record(), record("ed25519"), "p=", "10 mx.test", "0 .", "192.0.2.1", "host.test", "v=spf1 exp=%{z} %"]
    ),
)  # fmt: skip
STATUSES = st.sampled_from(["ok", "ok", "ok", "nxdomain", "nodata", "temperror"])
NAMES = st.one_of(st.text(max_size=20), st.sampled_from(["example.test", "b.test", "x@example.test", "<>", ""]))
PEERS = st.sampled_from(["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0", "x", None])


@given(OCTETS, NAMES, NAMES, PEERS, st.data())
@settings(max_examples=150, deadline=None)
def test_verification_is_total(octets, reverse_path, helo, peer_ip, data):
    """`run` asserts that no question comes twice and that rounds are bounded."""

    def resolve(question: Question) -> Answer:
        status = data.draw(STATUSES)
        return Answer(
            question, status, tuple(data.draw(st.lists(RECORDS, min_size=1, max_size=3))) if status == "ok" else ()
        )

    seen = run(octets, {}, Envelope(reverse_path, (), peer_ip, helo, NOW), resolve)
    assert isinstance(seen.results, AuthResults)
    assert seen.results.detail.isprintable()
    assert "\n" not in seen.results.detail
    for round_ in seen.rounds:
        for question in round_:
            assert question.name == question.name.lower()
            assert 0 < len(question.name) <= limits.DOMAIN_NAME_OCTETS


@given(OCTETS, NAMES)
@settings(max_examples=100, deadline=None)
def test_the_last_round_never_asks(octets, reverse_path):
    envelope = Envelope(reverse_path, (), "192.0.2.1", "h.test", NOW)
    headers = read_message(octets, envelope).headers
    assert isinstance(verify(octets, envelope, headers, {}, True), AuthResults)


@given(st.text(max_size=100))
@settings(deadline=None)
def test_key_records_are_keys_or_unusable(text):
    try:
        keys.read(text)
    except Unusable:
        return


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_signatures_are_read_or_unusable(octets):
    try:
        signature.read(fields.Field(b"dkim-signature", b"DKIM-Signature", octets), NOW)
    except Unusable:
        return


@given(OCTETS)
def test_cutting_keeps_every_octet_of_crlf_mail(octets):
    octets = octets.replace(b"\r", b"").replace(b"\n", b"\r\n")
    cut = fields.cut(octets)
    if cut.fields is not None and not octets.startswith(b"From "):
        head = b"".join(field.name + b":" + field.value for field in cut.fields)
        assert octets + b"\r\n" in (head + b"\r\n" + cut.body + b"\r\n", head + b"\r\n", head, head + b"\r\n" + b"\r\n")


def _stock_simple(body: bytes) -> bytes:
    return dkim.canonicalization.strip_trailing_lines(body)


def _stock_relaxed(body: bytes) -> bytes:
    stock = dkim.canonicalization
    squeezed = stock.compress_whitespace(stock.strip_trailing_whitespace(body))
    return stock.correct_empty_body(stock.strip_trailing_lines(squeezed))


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"a", b"\0"]), max_size=30).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_bodies_are_canonical_as_dkimpy_has_them(body):
    assert canonical.simple(body) == _stock_simple(body)
    assert canonical.relaxed(body) == _stock_relaxed(body)


def _stock_fields(fields_: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    stock = dkim.canonicalization
    return [
        (name.lower().rstrip(), stock.compress_whitespace(stock.unfold_header_value(value)).strip() + b"\r\n")
        for name, value in fields_
    ]


@given(st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b" ", b"\t", b"a", b"\0", b"\v"]), max_size=20).map(b"".join))
@settings(max_examples=500, deadline=None)
def test_fields_are_canonical_as_dkimpy_has_them(value):
    assert canonical.relaxed_fields([(b"Name ", value)]) == _stock_fields([(b"Name ", value)])


STOCK_B = re.compile(rb"([;\s]b" + dkim.FWS + rb"=)(?:" + dkim.FWS + rb"[a-zA-Z0-9+/=])*(?:\r?\n\Z)?")


@given(
    st.lists(st.sampled_from([b";", b"b=", b" b", b"=", b"A+/", b"\r\n", b" ", b"\t", b"!"]), max_size=20).map(b"".join)
)
@settings(max_examples=500, deadline=None)
def test_the_signature_is_taken_out_of_its_field_as_dkimpy_does(value):
    assert dkim.RE_BTAG.sub(rb"\1", value) == STOCK_B.sub(rb"\1", value)
