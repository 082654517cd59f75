"""The entity tree: what the standard library composes is found again, and beyond the caps nothing is lost."""

import sys
from email.encoders import encode_base64
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aimx import limits
from aimx.mime import body, parse
from aimx.mime.read import read_message
from aimx.model.envelope import Envelope

ENVELOPE = Envelope("alice@example.com", (), "192.0.2.1", "mx.example.com", 1744727423.0)
FAST = settings(max_examples=150, deadline=None, derandomize=True)


def image(content: bytes) -> Message:
    part = MIMEBase("image", "png")
    part.set_payload(content)
    encode_base64(part)
    return part


def multipart(parts: list[Message]) -> Message:
    node = MIMEMultipart("mixed")
    for part in parts:
        node.attach(part)
    return node


TEXTS = st.text(alphabet="ab é日-\n", min_size=1, max_size=40).map(lambda text: text.strip("\n") + "x")
LEAVES = st.one_of(
    TEXTS.map(lambda text: MIMEText(text, "plain", "utf-8")), st.binary(min_size=1, max_size=60).map(image)
)
TREES = st.recursive(LEAVES, lambda children: st.lists(children, min_size=1, max_size=4).map(multipart), max_leaves=12)


@FAST
@given(TREES)
def test_any_tree_of_the_standard_library_is_found_again(tree):
    octets = tree.as_bytes(policy=SMTP)
    leaves = [part for part in tree.walk() if not part.is_multipart()]
    texts = [part.get_payload(decode=True).decode() for part in leaves if part.get_content_type() == "text/plain"]
    files = [part.get_payload(decode=True) for part in leaves if part.get_content_type() != "text/plain"]
    message = read_message(octets, ENVELOPE)
    assert message.body.strip("\n") == "\n\n".join(text.strip("\n") for text in texts)
    assert [attachment.content for attachment in message.attachments] == files


def test_every_part_beyond_the_cap_is_in_the_last_attachment():
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    octets = head + b"".join(b"--b\r\n\r\npart <%d>\r\n" % number for number in range(3000)) + b"--b--\r\n"
    message = read_message(octets, ENVELOPE)
    (rest,) = message.attachments
    kept = message.body + rest.content.decode()
    assert [f"<{number}>" in kept for number in range(3000)] == [True] * 3000
    assert len(parse.entities(octets)) == limits.PARTS + 1


def test_what_is_nested_too_deeply_is_kept_with_its_fields():
    levels = [
        b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(limits.NESTING + 5)
    ]
    octets = b"".join(levels) + b"Content-Type: text/plain\r\n\r\ndeep\r\n"
    message = read_message(octets, ENVELOPE)
    (rest,) = message.attachments
    assert rest.content == octets[len(b"".join(levels[: limits.NESTING])) :]


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"], ids=["CRLF", "LF"])
@pytest.mark.parametrize("trailing", [b"", b" ", b"\t "], ids=["bare", "blank", "blanks"])
def test_delimiters_may_be_followed_by_blanks(line_end, trailing):
    lines = [
        b"Content-Type: multipart/mixed; boundary=b",
        b"",
        b"preamble",
        b"--b" + trailing,
        b"",
        b"one",
        b"--bb",
        b"",
    ]
    lines += [b"--b" + trailing, b"", b"two", b"--b--" + trailing, b"--b", b"", b"epilogue"]
    assert read_message(line_end.join(lines), ENVELOPE).body == "one\n--bb\n\ntwo"


def test_the_innermost_of_equal_boundaries_wins():
    octets = (
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        b"--b\r\n\r\ninner\r\n--b--\r\n--b\r\n\r\nouter\r\n--b--\r\n"
    )
    assert read_message(octets, ENVELOPE).body == "inner\n\nouter"


def test_each_leaf_is_looked_at_once_however_many_alternatives_are_around_it():
    levels = [b"Content-Type: multipart/alternative; boundary=b%d\r\n\r\n--b%d\r\n" % (n, n) for n in range(50)]
    octets = b"".join(levels) + b"Content-Type: text/plain\r\n\r\n" + b" \r\n" * 100
    looks = 0

    def count(_frame, event, function):
        nonlocal looks
        looks += event == "c_call" and getattr(function, "__self__", None) is body._INK

    entities = parse.entities(octets)
    sys.setprofile(count)
    try:
        selection = body.select(octets, entities)
    finally:
        sys.setprofile(None)
    assert [leaf.content_type[0] for leaf in selection.shown] == ["text/plain"]
    assert looks == 1


def test_of_a_part_only_content_fields_are_kept():
    part = b"--b\r\n" + b"a:\r\n" * 500 + b"CONTENT-Type: image/png\r\n\r\nx\r\n"
    root, *parts = parse.entities(b"From: a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" + part * 3)
    assert [name for name, _ in root.fields] == ["from", "content-type"]
    assert [[name for name, _ in entity.fields] for entity in parts] == [["content-type"]] * 3
    assert {entity.content_type[0] for entity in parts} == {"image/png"}
