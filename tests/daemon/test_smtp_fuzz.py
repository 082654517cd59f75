"""Whatever is said, every answer is a reply of ours, and none of them is an internal error."""

import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import replies
from aimx.daemon import smtpsyntax
from aimx.daemon.smtpstream import Rejected
from aimx.replies import SmtpReply
from tests.daemon.stage import Stage

_VERBS = ["EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "VRFY", "EXPN", "HELP", "AUTH", "STARTTLS", "XX", ""]
_WORDS = [
    "FROM:",
    "TO:",
    "<",
    ">",
    "@",
    ":",
    ",",
    '"',
    "\\",
    " ",
    "a",
    "ops",
    "agent.test",
    ".",
    "=",
    "SIZE",
    "SMTPUTF8",
]
_WORDS += ["ä", "\x85", "\u2028", "\0", "\x1b", "postmaster", "[1.2.3.4]", "%", "/", ".."]
_PIECES = st.lists(st.sampled_from(_WORDS), max_size=12).map("".join)
_LINES = st.tuples(st.sampled_from(_VERBS), _PIECES).map(lambda words: " ".join(words).encode() + b"\r\n")
_OCTETS = st.lists(st.one_of(_LINES, st.binary(max_size=40), st.just(b"\r\n.\r\n")), max_size=25).map(b"".join)
_TEXTS = {reply.line for reply in vars(replies).values() if isinstance(reply, SmtpReply)} - {replies.INTERNAL.line}
_HELLO = re.compile(r"220 agent\.test ESMTP aimx|250[- ](agent\.test Hello .*|SIZE 26214400|[A-Z0-9]+)")


@given(octets=_OCTETS)
@settings(max_examples=300, deadline=None)
def test_every_answer_is_one_of_ours(octets):
    said = b""

    async def script(peer):
        nonlocal said
        await peer.say(octets)
        await peer.stream.send_eof()
        while piece := await peer.stream.receive_some():
            said += piece

    with tempfile.TemporaryDirectory() as directory:
        Stage(Path(directory)).play(script)
    lines = said.decode().split("\r\n")
    assert lines.pop() == ""
    assert [line for line in lines if line not in _TEXTS and not _HELLO.fullmatch(line)] == []


@given(arg=_PIECES)
@settings(max_examples=500, deadline=None)
def test_a_path_is_read_or_rejected_and_holds_no_bracket_outside_quotes(arg):
    try:
        path = smtpsyntax.path("FROM:", "FROM:" + arg, replies.MAIL_SYNTAX)
    except Rejected:
        return
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", path.address)
    assert not set("<> ") & set(bare)
    assert all(keyword == keyword.upper() for keyword in path.parameters)


@pytest.mark.parametrize(
    "text", ["<" + '"a' * 1000 + ">", "<" + "\\" * 1999 + ">", "<" + '"\\"' * 600, "<@" + "a," * 900]
)
def test_reading_a_path_takes_linear_time(text):
    """2 KB of the worst return at once; a pattern that tried again at every octet would not come back."""
    with pytest.raises(Rejected):
        smtpsyntax.path("FROM:", "FROM:" + text, replies.MAIL_SYNTAX)
