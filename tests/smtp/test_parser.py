"""Replies from octets: the forms that exist, the bounds, and no exception for anything."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimx import limits
from aimx.smtp.parser import Garbled, Reply, ReplyParser, shown

REPLIES = {
    "plain": (b"250 OK\r\n", Reply(250, "", ("OK",))),
    "code alone": (b"250\r\n", Reply(250, "", ("",))),
    "code and space": (b"354 \r\n", Reply(354, "", ("",))),
    "enhanced": (b"550 5.1.1 no such user\r\n", Reply(550, "5.1.1", ("no such user",))),
    "enhanced alone": (b"250 2.1.5\r\n", Reply(250, "2.1.5", ("",))),
    "enhanced of another class": (b"250 5.1.1 odd\r\n", Reply(250, "", ("5.1.1 odd",))),
    "not enhanced": (b"220 2.0 or so\r\n", Reply(220, "", ("2.0 or so",))),
    "three lines": (b"250-a\r\n250-b c\r\n250 d\r\n", Reply(250, "", ("a", "b c", "d"))),
    "enhanced on each line": (b"550-5.7.1 go\r\n550 5.7.1 away\r\n", Reply(550, "5.7.1", ("go", "away"))),
    "last line is a code alone": (b"250-a\r\n250\r\n", Reply(250, "", ("a", ""))),
    "LF alone": (b"250-a\n250 b\n", Reply(250, "", ("a", "b"))),
    "terminal sequences": (b"550 \x1b[2J\x07bad\x9b\r\n", Reply(550, "", ("?[2J?bad\ufffd",))),
    "a CR in the text": (b"250 a\rb\r\n", Reply(250, "", ("a?b",))),
    "UTF-8": ("550 weiß nicht\r\n".encode(), Reply(550, "", ("weiß nicht",))),
    "direction marks": ("550 a\u202eb\u200bc\r\n".encode(), Reply(550, "", ("a?b?c",))),
}
GARBAGE = {
    "code below": b"199 x\r\n",
    "code above": b"600 x\r\n",
    "999": b"999 x\r\n",
    "two digits": b"25 x\r\n",
    "four digits": b"2500 x\r\n",
    "other digits": "２５０ x\r\n".encode(),
    "no code": b"hello\r\n",
    "a NUL": b"\x00250 x\r\n",
    "HTTP": b"HTTP/1.1 400 Bad Request\r\n",
    "an empty line": b"\r\n",
    "two codes": b"250-a\r\n550 b\r\n",
    "text in between": b"250-a\r\nb\r\n250 c\r\n",
    "a line without end": b"250 " + b"x" * (limits.MX_REPLY_LINE_OCTETS + 1),
    "a line too long": b"250 " + b"x" * limits.MX_REPLY_LINE_OCTETS + b"\r\n",
    "lines without end": b"250-x\r\n" * (limits.MX_REPLY_LINES + 1),
    "octets without end": (b"250-" + b"x" * 2000 + b"\r\n") * 40,
}


def read(octets, step):
    """Everything that a parser makes of octets in pieces."""
    parser, found = ReplyParser(), []
    for start in range(0, len(octets), step):
        parser.receive(octets[start : start + step])
        while (reply := parser.next()) is not None:
            found.append(reply)
            if isinstance(reply, Garbled):
                return found, parser
    return found, parser


@pytest.mark.parametrize("step", [1, 2, 7, 10_000])
@pytest.mark.parametrize(("octets", "reply"), REPLIES.values(), ids=REPLIES)
def test_a_reply_is_independent_of_chunking(octets, reply, step):
    found, parser = read(octets * 2, step)
    assert found == [reply, reply]
    assert parser.idle


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize("octets", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_reply_ends_everything(octets, step):
    found, parser = read(octets, step)
    assert [type(reply) for reply in found] == [Garbled]
    parser.receive(b"250 ok\r\n")
    assert isinstance(parser.next(), Garbled)
    assert found[0].why.isprintable()


def test_part_of_a_reply_is_not_idle():
    parser = ReplyParser()
    parser.receive(b"250-a\r\n")
    assert (parser.next(), parser.idle) == (None, False)


def test_a_reply_is_told_on_one_short_line():
    assert Reply(550, "5.1.1", ("no", "", "such user")).text == "550 5.1.1 no such user"
    assert len(Reply(550, "", ("x" * 2000,) * 9).text) == limits.MX_TEXT_CHARACTERS


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"250 ", b"-", b"\r\n", b"\n", b"550-5.1.1 x\r\n"])))
def test_any_octets_are_replies_or_garbage(pieces):
    parser = ReplyParser()
    for piece in pieces:
        parser.receive(piece)
        while (reply := parser.next()) is not None:
            if isinstance(reply, Garbled):
                assert reply.why.isprintable()
                break
            assert 200 <= reply.code < 600
            assert reply.text.isprintable()


@given(st.binary())
def test_shown_text_has_nothing_to_obey(octets):
    assert shown(octets).isprintable()
