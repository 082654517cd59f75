"""Dot-stuffing: the whole message, in pieces, and nothing that could end it early."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx.smtp import data

CASES = {
    "no dots": (b"a\r\nb\r\n", b"a\r\nb\r\n.\r\n"),
    "first": (b".a\r\n", b"..a\r\n.\r\n"),
    "a line of one": (b"a\r\n.\r\nb\r\n", b"a\r\n..\r\nb\r\n.\r\n"),
    "the last line": (b"a\r\n.\r\n", b"a\r\n..\r\n.\r\n"),
    "inside a line": (b"a.b.\r\n", b"a.b.\r\n.\r\n"),
    "several": (b".\r\n.\r\n..\r\n", b"..\r\n..\r\n...\r\n.\r\n"),
    "no final line end": (b"a", b"a\r\n.\r\n"),
    "nothing": (b"", b".\r\n"),
}


@pytest.mark.parametrize("size", [3, 4, 5, 1000])
@pytest.mark.parametrize(("octets", "wire"), CASES.values(), ids=CASES)
def test_every_line_that_begins_with_a_dot_gets_another(octets, wire, size):
    assert b"".join(data.pieces(octets, size)) == wire


@given(st.lists(st.sampled_from([b"\r\n", b".", b"a", b"abcdefgh"])), st.integers(3, 12))
def test_pieces_say_what_the_whole_would(parts, size):
    octets = b"".join(parts) + b"\r\n"
    whole = (b"." if octets.startswith(b".") else b"") + octets.replace(b"\r\n.", b"\r\n..") + b".\r\n"
    pieces = list(data.pieces(octets, size))
    assert b"".join(pieces) == whole
    assert pieces[-1].endswith(b".\r\n")
    assert all(len(piece) <= 2 * size + 5 for piece in pieces)
