"""AIMX/1 requests: every frame and every refusal of the reference, whatever the chunks."""

import tracemalloc

import pytest

from aimx import limits
from aimx.errors import UnknownVerb, WireError
from aimx.wire import codec
from aimx.wire.frames import Ingest, Send, Version
from tests.wire.feed import outcome, parse

STEPS = [1, 2, 7, 10_000]


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
    "longest-line": (
        b"AIMX/1 INGEST\nX: " + b"x" * (limits.HEADER_LINE_OCTETS - 3) + b"\nRcpt: a\nContent-Length: 0\n\n",
        Ingest("a", b""),
    ),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("octets", "frame"), FRAMES.values(), ids=FRAMES)
def test_a_request_is_independent_of_chunking(octets, frame, step):
    assert outcome(octets, step) == (type(frame), frame)


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
    "too-many-headers": (I + b"X: 1\n" * 65, "more than 64 headers"),
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(("octets", "text"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_is_independent_of_chunking(octets, text, step):
    with pytest.raises(WireError) as caught:
        parse(octets, step)
    assert caught.value.reason == text
    assert isinstance(caught.value, UnknownVerb) == text.startswith("unknown verb")


def test_nothing_is_allocated_for_octets_that_were_only_announced():
    tracemalloc.start()
    try:
        parser = codec.RequestParser()
        parser.feed(b"AIMX/1 INGEST\nRcpt: a\nContent-Length: 26214400\n\nx")
        assert parser.next_request() is None
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()


def test_large_bodies_cost_no_more_than_their_size():
    octets = codec.encode_request(Send(bytes(4 * limits.MIB), html=bytes(4 * limits.MIB)))
    pieces = [octets[start : start + limits.READ_OCTETS] for start in range(0, len(octets), limits.READ_OCTETS)]
    parser = codec.RequestParser()
    request = None
    tracemalloc.start()
    try:
        for piece in pieces:
            parser.feed(piece)
            request = parser.next_request()
        assert tracemalloc.get_traced_memory()[1] < 1.3 * len(octets)
    finally:
        tracemalloc.stop()
    assert request == Send(bytes(4 * limits.MIB), html=bytes(4 * limits.MIB))
