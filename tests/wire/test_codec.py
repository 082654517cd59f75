"""AIMX/1 frames: every request and refusal of the reference, whatever the chunks; garbage never does more than that."""

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.errors import UnknownVerb, WireError
from aimx.wire import answers, codec, frames
from aimx.wire.frames import Ingest, Response, Send, Version

STEPS = [1, 2, 7, 10_000]


def parse(octets: bytes, step: int = 10_000) -> frames.Request | None:
    """Feed in pieces, then the end of input."""
    parser = codec.RequestParser()
    for start in range(0, len(octets), step):
        parser.feed(octets[start : start + step])
        request = parser.next_request()
        if request is not None:
            return request
    parser.feed(b"")
    return parser.next_request()


FRAMES = {
    "version": (b"AIMX/1 VERSION\n\n", Version()),
    "crlf": (b"AIMX/1 VERSION\r\n\r\n", Version()),
    "many-cr": (b"AIMX/1 VERSION\r\r\r\n\r\n", Version()),
    "body": (b"AIMX/1 INGEST\nRcpt: a@b\nContent-Length: 3\n\nabc", Ingest("a@b", b"abc")),
    "order": (b"AIMX/1 INGEST\nContent-Length: 3\nRcpt: a@b\n\nabc", Ingest("a@b", b"abc")),
    "name-case-and-blanks": (b"AIMX/1 INGEST\n rCPT :  a@b \ncontent-length:3\n\nabc", Ingest("a@b", b"abc")),
    "empty-body": (b"AIMX/1 INGEST\nRcpt: a@b\nContent-Length: 0\n\n", Ingest("a@b", b"")),
    "plus": (b"AIMX/1 INGEST\nRcpt: a@b\nContent-Length: +3\n\nabc", Ingest("a@b", b"abc")),
    "leading-zeros": (b"AIMX/1 INGEST\nRcpt: a@b\nContent-Length: " + b"0" * 5000 + b"3\n\nabc", Ingest("a@b", b"abc")),
    "unknown-header": (b"AIMX/1 INGEST\nX-New: 1\nRcpt: a@b\nContent-Length: 1\n\nx", Ingest("a@b", b"x")),
    "unknown-header-twice": (b"AIMX/1 INGEST\nX: 1\nX: 2\nRcpt: a\nContent-Length: 1\n\nx", Ingest("a", b"x")),
    "body-with-line-ends": (b"AIMX/1 INGEST\nRcpt: a\nContent-Length: 4\n\n\n\r\n\0", Ingest("a", b"\n\r\n\0")),
    "utf-8": ("AIMX/1 INGEST\nRcpt: ü@b\nContent-Length: 0\n\n".encode(), Ingest("ü@b", b"")),
    "second-request-ignored": (b"AIMX/1 VERSION\n\nAIMX/1 VERSION\n\n", Version()),
    "send": (b"AIMX/1 SEND\nContent-Length: 3\n\nabc", Send(b"abc")),
    "send-html": (b"AIMX/1 SEND\nHtml-Body-Length: 2\nContent-Length: 3\n\nabcde", Send(b"abc", html=b"de")),
    "send-no-octets-of-html": (b"AIMX/1 SEND\nContent-Length: 1\nHtml-Body-Length: 0\n\na", Send(b"a", html=b"")),
    "send-text-only": (b"AIMX/1 SEND\nText-Only: TRUE\nContent-Length: 1\n\na", Send(b"a", text_only=True)),
    "send-not-text-only": (
        b"AIMX/1 SEND\nText-Only: False\nContent-Length: 1\nHtml-Body-Length: 1\n\nab",
        Send(b"a", html=b"b"),
    ),
    "send-extensions": (
        b"AIMX/1 SEND\nHook-Job: t0ken\nDry-Run: true\nContent-Length: 1\n\na",
        Send(b"a", hook_job="t0ken", dry_run=True),
    ),
    "longest-line": (
        b"AIMX/1 INGEST\nX: " + b"x" * (limits.HEADER_LINE_OCTETS - 3) + b"\nRcpt: a\nContent-Length: 0\n\n",
        Ingest("a", b""),
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("octets", "frame"), FRAMES.values(), ids=FRAMES)
def test_a_request_is_independent_of_chunking(octets, frame, step):
    assert parse(octets, step) == frame


I = b"AIMX/1 INGEST\n"  # noqa: E741  every row begins with it
REFUSED = {
    "bad-prefix": (b"HELLO\n", "expected 'AIMX/1 <verb>', got \"HELLO\""),
    "two-blanks-are-another-verb": (b"AIMX/1  VERSION\n", "unknown verb ' VERSION'"),
    "lower-case-prefix": (b"aimx/1 VERSION\n", "expected 'AIMX/1 <verb>', got \"aimx/1 VERSION\""),
    "prefix-quoting": (b'a"\\\t\x1b\xe2\x80\xae\n', 'expected \'AIMX/1 <verb>\', got "a\\"\\\\\\t\\u{1b}\\u{202e}"'),
    "unknown-verb": (b"AIMX/1 FOO\n\n", "unknown verb 'FOO'"),
    "verb-case": (b"AIMX/1 version\n\n", "unknown verb 'version'"),
    "verb-trailing-blank": (b"AIMX/1 VERSION \n\n", "unknown verb 'VERSION '"),
    "empty-verb": (b"AIMX/1 \n\n", "unknown verb ''"),
    "verb-with-cr": (b"AIMX/1 A\rB\n\n", "unknown verb 'AB'"),
    "nothing": (b"", "unexpected EOF in headers"),
    "eof-in-headers": (b"AIMX/1 INGEST\nRcpt: a\n", "unexpected EOF in headers"),
    "eof-mid-line": (b"AIMX/1 INGEST\nRcp", "unexpected EOF mid-line (no terminator)"),
    "line-too-long": (I + b"X: " + b"x" * 8190 + b"\n", "header line exceeds 8192 bytes"),
    "line-too-long-no-end": (I + b"x" * 9000, "header line exceeds 8192 bytes"),
    "line-too-long-first": (b"x" * 8193, "header line exceeds 8192 bytes"),
    "not-utf-8": (I + b"X: \xff\n", "header line contains invalid UTF-8"),
    "no-colon": (I + b"Rcpt a\n", 'invalid header line: "Rcpt a"'),
    "folding": (I + b" folded\n", 'invalid header line: " folded"'),
    "non-ascii-name": (I + "Rcpß: a\n".encode(), 'non-ascii header name: "Rcpß"'),
    "duplicate-length": (I + b"Content-Length: 1\ncontent-length: 1\n", "duplicate Content-Length header"),
    "duplicate-known": (I + b"Rcpt: a\nRCPT: a\n", "duplicate Rcpt header"),
    "empty-value": (I + b"Rcpt:  \n", "empty Rcpt value"),
    "nul-value": (I + b"Rcpt: a\0b\n", "control character in Rcpt value"),
    "missing-known": (I + b"Content-Length: 0\n\n", "missing required header: Rcpt"),
    "missing-length": (I + b"Rcpt: a\n\n", "missing required header: Content-Length"),
    "length-word": (I + b"Content-Length: ten\n", 'non-integer Content-Length: "ten"'),
    "length-empty": (I + b"Content-Length:\n", 'non-integer Content-Length: ""'),
    "length-negative": (I + b"Content-Length: -1\n", 'non-integer Content-Length: "-1"'),
    "length-hex": (I + b"Content-Length: 0x10\n", 'non-integer Content-Length: "0x10"'),
    "length-blank": (I + b"Content-Length: 1 0\n", 'non-integer Content-Length: "1 0"'),
    "length-other-digits": (I + "Content-Length: ٣\n".encode(), 'non-integer Content-Length: "٣"'),
    "length-overflow": (
        I + b"Content-Length: 18446744073709551616\n",
        'non-integer Content-Length: "18446744073709551616"',
    ),
    "length-largest": (
        I + b"Content-Length: 18446744073709551615\n",
        "Content-Length 18446744073709551615 exceeds cap 26214400",
    ),
    "too-big": (I + b"Content-Length: 26214401\n", "Content-Length 26214401 exceeds cap 26214400"),
    "short-body": (I + b"Rcpt: a\nContent-Length: 5\n\nabc", "body truncated: expected 5 bytes"),
    "version-header": (
        b"AIMX/1 VERSION\nContent-Length: 0\n\n",
        'VERSION takes no headers, got "Content-Length: 0"',
    ),
    "send-text-only-value": (
        b"AIMX/1 SEND\nText-Only: yes\n",
        "invalid Text-Only value: \"yes\" (expected 'true' or 'false')",
    ),
    "send-exclusive": (
        b"AIMX/1 SEND\nText-Only: true\nContent-Length: 1\nHtml-Body-Length: 0\n\na",
        "AIMX/1 SEND: --text-only and --html-body are mutually exclusive",
    ),
    "send-html-length": (b"AIMX/1 SEND\nHtml-Body-Length: x\n", 'non-integer Html-Body-Length: "x"'),
    "send-html-too-big": (
        b"AIMX/1 SEND\nHtml-Body-Length: 26214401\n",
        "Html-Body-Length 26214401 exceeds cap 26214400",
    ),
    "send-html-short": (
        b"AIMX/1 SEND\nContent-Length: 1\nHtml-Body-Length: 3\n\nab",
        "html body truncated: expected 3 bytes after main body",
    ),
    "too-many-headers": (I + b"X: 1\n" * 65, "more than 64 headers"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("octets", "text"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_independent_of_chunking(octets, text, step):
    with pytest.raises(WireError) as caught:
        parse(octets, step)
    assert caught.value.reason == text
    assert isinstance(caught.value, UnknownVerb) == text.startswith("unknown verb")


@pytest.mark.parametrize("shape", frames.SHAPES, ids=lambda shape: shape.verb)
def test_every_verb_survives_the_round_trip(shape):
    values = {"text": "x y", "flag": True, "owner": "ops", "body": b"\0\n"}
    request = shape.frame(**{h.attribute: values[h.reading] for h in shape.headers if h.attribute and h.required})
    assert parse(codec.encode_request(request)) == request


@pytest.mark.parametrize("value", ["", "a\nContent-Length: 0", "a\rb", "a\0b", " a", "a "])
def test_what_cannot_be_framed_is_not_sent(value):
    with pytest.raises(WireError, match="Rcpt cannot be framed"):
        codec.encode_request(Ingest(value, b""))


RESPONSES = {
    "ok": (Response("ok"), b"AIMX/1 OK\n"),
    "message-id": (Response("ok", note="<a@b>"), b"AIMX/1 OK <a@b>\n"),
    "json": (Response("json", body=b"[]"), b"AIMX/1 OK\nContent-Length: 2\n\n[]"),
    "error": (
        Response("error", code="PROTOCOL", reason="unknown verb 'FOO'"),
        b"AIMX/1 ERR PROTOCOL unknown verb 'FOO'\nCode: PROTOCOL\n\n",
    ),
}


@pytest.mark.parametrize(("response", "octets"), RESPONSES.values(), ids=RESPONSES)
def test_an_answer_is_written_as_the_reference_writes_it(response, octets):
    assert answers.encode_response(response) == octets
    assert answers.decode_response(octets) == response


def test_line_breaks_in_answers_are_dropped():
    assert answers.encode_response(Response("error", code="IO", reason="a\r\nCode: OK\n\0b")) == (
        b"AIMX/1 ERR IO aCode: OKb\nCode: IO\n\n"
    )
    assert answers.encode_response(Response("ok", note="<a>\r\nX")) == b"AIMX/1 OK <a>X\n"


def test_the_code_header_wins_over_the_line():
    answer = answers.decode_response(b"AIMX/1 ERR IO disk full\nCode: TEMP\n\n")
    assert (answer.code, answer.reason) == ("TEMP", "disk full")


BROKEN_ANSWERS = {
    "nothing": (b"", "closed the connection without an answer"),
    "other-protocol": (b"HTTP/1.1 200 OK\n", "not an AIMX/1 answer"),
    "half-a-line": (b"AIMX/1 OK", "EOF mid-line"),
    "okay": (b"AIMX/1 OKAY\n", "not an AIMX/1 answer"),
    "no-length": (b"AIMX/1 OK\nX: 1\n\nbody", "answer without Content-Length"),
    "short": (b"AIMX/1 OK\nContent-Length: 3\n\nab", "does not match its Content-Length"),
    "long": (b"AIMX/1 OK\nContent-Length: 1\n\nab", "does not match its Content-Length"),
}


@pytest.mark.parametrize(("octets", "text"), BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
def test_a_broken_answer_is_an_error(octets, text):
    with pytest.raises(WireError, match=text):
        answers.decode_response(octets)


PIECES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.sampled_from(
            [b"AIMX/1 ", b"VERSION", b"INGEST", b"\n", b"\r\n", b"\n\n", b"Rcpt: a\n", b"Content-Length: 3\n", b"abc"]
        ),
    ),
    max_size=12,
)


@settings(max_examples=400, deadline=None)
@given(PIECES, st.integers(1, 40))
def test_garbage_is_a_request_or_a_wire_error_the_same_in_any_chunks(pieces, step):
    octets = b"".join(pieces)

    def outcome(step: int) -> object:
        try:
            return parse(octets, step)
        except WireError as error:
            return error.reason

    assert outcome(step) == outcome(len(octets) + 1)


@settings(max_examples=200, deadline=None)
@given(PIECES)
def test_garbage_as_an_answer_is_an_answer_or_a_wire_error(pieces):
    try:
        assert isinstance(answers.decode_response(b"".join(pieces)), Response)
    except WireError as error:
        assert error.reason


def test_nothing_is_allocated_for_octets_that_were_only_announced():
    tracemalloc.start()
    try:
        parser = codec.RequestParser()
        parser.feed(b"AIMX/1 INGEST\nRcpt: a\nContent-Length: 26214400\n\nx")
        assert parser.next_request() is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_a_large_body_costs_no_more_than_its_size_twice():
    body = bytes(4 * limits.MIB)
    octets = codec.encode_request(Ingest("a", body))
    tracemalloc.start()
    try:
        request = parse(octets, limits.READ_OCTETS)
        assert isinstance(request, Ingest)
        assert tracemalloc.get_traced_memory()[1] < 2.5 * len(body)
    finally:
        tracemalloc.stop()
    assert request.body == body
