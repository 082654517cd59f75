"""No octets make the parser raise, what it finds is always storable, and its work grows with its input only."""

import sys
import unicodedata

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.mime import frontmatter, text
from aimx.mime.read import read_message
from aimx.model.config import Mailbox
from aimx.model.envelope import Envelope
from aimx.policy import trust
from aimx.store import document, layout
from tests.mime import inbound

BIDI_CONTROLS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
ENVELOPE = Envelope("alice@example.com", (), "192.0.2.1", "mx.example.com", inbound.RECEIVED_AT)
MAILBOX = Mailbox("support", "support@agent.test", "support", "verified", ("*@example.com",))
SMALL = [octets for path in inbound.DIRECTORIES if len(octets := inbound.message(path)) < 5000]

# Fragments that mean something to one of the parsers, so that random sequences of them reach deep.
FRAGMENTS = st.sampled_from(
    [
        octets.replace(b"~", b" ")
        for octets in rb"""
    -- --b --b-- +++ From:~ To:~ Cc:~ Subject:~ Date:~ References:~ Message-ID:~ Auto-Submitted:~ Content-Type:~
    Content-Disposition:~attachment Content-Transfer-Encoding:~ base64 quoted-printable multipart/mixed message/rfc822
    multipart/alternative text/html text/plain ;~boundary=b ;~charset=utf-16 ;~charset=iso-2022-jp ;~format=flowed
    ;~filename*0*=utf-8''% ;~filename*1= ;~name=" =?utf-8?q? =?utf-8?b? ?= = =3D < > @ , ; : ( ) " \ a a@b.test '
    Tue,~15~Apr~2025~14:30:22~+0000 <a~href= <ul><li> <td> <!-- --> </ &# &amp; <pre> <blockquote> <table><tr> <b>
    """.split()
    ]
    + [b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ", b"\t", b"\0", b"\x1b", b"\xff", b"\xc3", b"\xe2\x80\xae"]
)
MESSAGES = st.one_of(
    st.binary(max_size=400),
    st.lists(FRAGMENTS, max_size=60).map(b"".join),
    st.lists(FRAGMENTS, max_size=40).map(
        lambda pieces: b"Content-Type: multipart/mixed; boundary=b\r\n" + b"".join(pieces)
    ),
    st.lists(FRAGMENTS, max_size=40).map(lambda pieces: b"Content-Type: text/html\r\n\r\n" + b"".join(pieces)),
)
FAST = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)


def check(octets: bytes) -> None:
    """One message through parser, trust, writer and reader."""
    message = read_message(octets, ENVELOPE)
    verdict = trust.evaluate(MAILBOX, message.headers, message.auth)
    assert verdict.trusted == "false"
    stem = layout.stem(ENVELOPE.received_at, message.headers.subject)
    stored = document.with_id(document.inbound(message, ENVELOPE, "support@agent.test", MAILBOX, verdict), stem)
    fields, body = frontmatter.read(stored)
    block = stored[: len(stored) - len(body)]
    assert block.splitlines().count(b"+++") == 2
    assert body.decode().removesuffix("\n") == message.body.removesuffix("\n")
    assert fields["trusted"] == "false"
    for key in ("subject", "from_", "to", "cc", "reply_to", "references", "message_id", "list_id"):
        value = getattr(message.headers, key)
        assert fields.get(key.rstrip("_"), "") == value
        assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value)
        assert not any(unicodedata.bidirectional(character) in BIDI_CONTROLS for character in value)
        assert len(value.splitlines()) <= 1
    names = [table["filename"] for table in fields.get("attachments", ())]
    assert names == [attachment.filename for attachment in message.attachments]
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert name and name[0] not in ".-" and "/" not in name and "\0" not in name and len(name.encode()) <= 200
        assert name.casefold() != f"{stem}.md".casefold()


@FAST
@given(MESSAGES)
def test_any_octets_become_a_storable_message(octets):
    check(octets)


@FAST
@given(st.sampled_from(SMALL), st.integers(0, 5000), st.integers(0, 200), st.binary(max_size=8))
def test_any_mutation_of_a_known_message_is_storable(octets, start, length, replacement):
    start %= len(octets) + 1
    check(octets[:start] + replacement + octets[start + length :])


@FAST
@given(st.text(max_size=300))
def test_any_text_is_a_frontmatter_string(value):
    written = frontmatter.write([("id", ""), ("subject", value), ("read", False)], [], value)
    fields, _ = frontmatter.read(written)
    assert fields["subject"] == "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    assert len(fields) == 3


def work(function, argument) -> int:
    """Python lines and calls of one evaluation; html2text's included."""
    count = 0

    def lines(frame, event, arg):
        nonlocal count
        count += 1
        return lines

    before = sys.gettrace()
    sys.settrace(lines)
    try:
        function(argument)
    finally:
        sys.settrace(before)
    return count


def _head(*lines: str) -> bytes:
    return "".join(f"{line}\r\n" for line in ("From: a@example.com", *lines)).encode()


GROWING = {
    "parts": lambda n: _head("Content-Type: multipart/mixed; boundary=b", "") + b"--b\r\n\r\nx\r\n" * n,
    "parts-named-alike": lambda n: (
        _head("Content-Type: multipart/mixed; boundary=b", "")
        + b"--b\r\nContent-Type: image/png; name=a.png\r\n\r\nx\r\n" * n
    ),
    "nesting": lambda n: (
        _head("Subject: x")
        + b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(n))
    ),
    "delimiters-of-nobody": lambda n: _head("Content-Type: multipart/mixed; boundary=b", "") + b"--c\r\n" * n,
    "parts-without-blank-lines": lambda n: _head("Content-Type: multipart/mixed; boundary=b", "") + b"--b\r\nx" * n,
    "fields": lambda n: _head("Subject: x") + b"X: y\r\n" * n,
    "folds": lambda n: b"Subject: x" + b"\r\n y" * n,
    "references": lambda n: b"References:" + b" <a@b>\r\n" * n + b"\r\n",
    "addresses": lambda n: b"Cc: " + b"a <a@b.test>, " * n + b"\r\n\r\n",
    "comments": lambda n: b"From: " + b"(" * n + b"a@b.test" + b")" * n + b"\r\n\r\n",
    "groups": lambda n: b"To: " + b"g:a@b.test;" * n + b"\r\n\r\n",
    "words": lambda n: b"Subject: " + b"=?utf-8?q?a?= " * n + b"\r\n\r\n",
    "parameters": lambda n: b"Content-Type: text/plain" + b"; name*0=x" * n + b"\r\n\r\n",
    "flowed": lambda n: _head("Content-Type: text/plain; format=flowed", "") + b"> a \r\n" * n,
    "html-open-tags": lambda n: _head("Content-Type: text/html", "") + b"<a " * n,
    "html-comments": lambda n: _head("Content-Type: text/html", "") + b"<!--" * n,
    "html-lists": lambda n: _head("Content-Type: text/html", "") + b"<ul><li>x" * n,
    "html-cells": lambda n: _head("Content-Type: text/html", "") + b"<td>" * n + b"<table></tr>" * n,
    "html-quotes": lambda n: _head("Content-Type: text/html", "") + b'<a b="<a c=\'" d="<a c=\'"' * n,
    "html-scripts": lambda n: _head("Content-Type: text/html", "") + b"<script>" * n,
}


@pytest.mark.parametrize("make", GROWING.values(), ids=GROWING)
def test_work_grows_linearly(make):
    """Four times the input, about four times the work (lines and calls executed)."""
    once, four = (work(lambda octets: read_message(octets, ENVELOPE), make(n)) for n in (400, 1600))
    assert four <= 5 * once


@pytest.mark.parametrize("source", ["<blockquote>x" * 5000, "<ul><li>x" * 5000, "<td>" * 9000 + "<table></tr>" * 9000])
def test_html_output_is_bounded(source):
    assert len(text.from_html(source)) <= 4 * max(len(source), 65536) + 200


def test_the_largest_frontmatter_can_be_read_back():
    """Each octet of an encoded word that the display name, and then TOML, must escape becomes four."""
    word = b"=?utf-8?q?" + b"\\" * (limits.HEADER_OCTETS // 4 - 100) + b"?= <a@b.test>\r\n"
    header = b"".join(key + b": " + word for key in (b"From", b"To", b"Cc", b"Reply-To"))
    header += b"Content-Type: multipart/mixed; boundary=b\r\n"
    assert len(header) <= limits.HEADER_OCTETS
    part = b"--b\r\nContent-Disposition: attachment; filename*=utf-8''x" + b"%22" * 190 + b".\r\n\r\nx\r\n"
    message = read_message(header + b"\r\n" + part * limits.PARTS, ENVELOPE)
    fields, _ = frontmatter.read(document.inbound(message, ENVELOPE, "a@b.test", MAILBOX, ("false", "x")))
    assert fields["reply_to"] == message.headers.reply_to
    assert len(fields["attachments"]) == limits.PARTS
