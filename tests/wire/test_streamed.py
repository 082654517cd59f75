"""A streamed answer, however its octets are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx.errors import WireError
from aimx.wire.frames import Watch
from aimx.wire.streamed import Streamed

HEAD = b"AIMX/1 OK\nContent-Type: application/x-ndjson\n\n"
LINES = [b'{"type":"hello"}', b'{"type":"received","subject":"\\"error\\""}', b"{}"]


def pieces(octets, cuts):
    marks = sorted({0, len(octets), *(cut % (len(octets) + 1) for cut in cuts)})
    return [octets[begin:end] for begin, end in pairwise(marks)]


@given(st.lists(st.integers(0, 500)))
def test_lines_come_whole_wherever_the_octets_are_cut(cuts):
    stream = Streamed(Watch)
    whole = HEAD + b"".join(line + b"\n" for line in LINES)
    assert [line for piece in pieces(whole, cuts) for line in stream.feed(piece)] == LINES
    assert stream.error is None


@given(st.lists(st.integers(0, 500)))
def test_an_error_ends_it_wherever_it_comes(cuts):
    stream = Streamed(Watch)
    whole = HEAD + LINES[0] + b'\n{"type":"error","code":"TEMP","reason":"the daemon stops"}\n'
    assert [line for piece in pieces(whole, cuts) for line in stream.feed(piece)] == LINES[:1]
    assert (stream.error.code, stream.error.reason) == ("TEMP", "the daemon stops")


def test_a_refusal_instead_of_a_stream():
    stream = Streamed(Watch)
    assert stream.feed(b"AIMX/1 ERR ENOENT mailbox 'x' does not exist\nCode: ENOENT\n\n") == []
    assert stream.error.code == "ENOENT"


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"HTTP/1.1 200 OK\n\n", id="something else"),
        pytest.param(b"AIMX/1 OK <id@example.com>\n\n", id="another answer"),
        pytest.param(b"AIMX/1 OK\n" + b"X: y\n" * (limits.FRAME_HEADERS + 1), id="headers without end"),
        pytest.param(HEAD + b"x" * (limits.STREAM_LINE_OCTETS + 1), id="a line without end"),
    ],
)
def test_what_is_no_stream_is_said_to_be_none(octets):
    with pytest.raises(WireError):
        Streamed(Watch).feed(octets)
