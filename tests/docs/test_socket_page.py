"""socket.md shows the table of verbs, the codes and the limits as they are, and examples that are what they say."""

import re

from aimx import limits
from aimx.errors import WireCode
from aimx.flows.dispatch import VERBS
from aimx.flows.status import Told
from aimx.policy.authorize import Anyone, System
from aimx.wire import answers, codec, frames
from aimx.wire.frames import Response, Send, Shape
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "socket.md"
SUCCESSES = {"id": "message-id", "ack": "nothing", "json": "JSON", "stream": "lines of JSON"}


def _headers(shape: Shape) -> str:
    shown = [f"`{header.name}`" if header.required else f"*`{header.name}`*" for header in shape.headers]
    return ", ".join(shown) or "none at all"


def test_the_verbs_are_those_of_the_table():
    assert {shape.frame for shape in frames.SHAPES} == set(VERBS)
    rows = pages.rows(PAGE, "## Verbs")
    wanted = [
        [
            f"`{shape.verb}`",
            _headers(shape),
            " or ".join(SUCCESSES[success] for success in shape.answers),
        ]
        for shape in frames.SHAPES
    ]
    assert [row[:3] for row in rows] == wanted


def test_who_may_is_what_the_table_of_verbs_says():
    said = {row[0].strip("`"): row[3] for row in pages.rows(PAGE, "## Verbs")}
    for frame, verb in VERBS.items():
        text = said[frames.BY_FRAME[frame].verb]
        assert (text == "root") == (verb.action == System())
        assert callable(verb.action) or text.startswith("everybody") == (verb.action == Anyone())


def test_every_code_has_its_row():
    assert [row[0].strip("`") for row in pages.rows(PAGE, "## An answer")] == list(WireCode)


def test_all_of_a_status_is_named():
    (text,) = re.findall(r"^- `STATUS` is (.*?)^- ", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert set(Told.__struct_fields__) <= set(re.findall(r"`(\w+)`", text))


def test_the_limits_are_true():
    mib = limits.MIB
    assert dict(pages.rows(PAGE, "## Limits")) == {
        "line of a request": f"{limits.HEADER_LINE_OCTETS} octets",
        "headers of a request": str(limits.FRAME_HEADERS),
        "each body": f"{limits.FRAME_BODY_OCTETS // mib} MiB",
        "the whole request has arrived": f"within {limits.FRAME_S:.0f} seconds",
        "connections of one user": str(limits.CLIENTS_PER_UID),
        "connections in all, root excepted": str(limits.CLIENTS),
        "streams of one user": str(limits.WATCHERS_PER_UID),
        "streams in all, root excepted": str(limits.WATCHERS),
        "octets of requests held for one user": f"{limits.FRAMES_OCTETS_PER_UID // mib} MiB",
        "octets of requests held in all, root excepted": f"{limits.FRAMES_OCTETS // mib} MiB",
    }
    assert str(limits.FRAME_BODY_OCTETS) in PAGE.read_text()
    assert f"at most {limits.HEADER_LINE_OCTETS} octets" in PAGE.read_text()


def test_the_request_that_is_shown_is_one():
    parser = codec.RequestParser()
    parser.feed(pages.blocks(PAGE)[0].text.encode())
    request = parser.next_request()
    assert isinstance(request, Send)
    assert request.message.endswith(b"Hi!\n")
    assert not len(parser.buffer)


def test_the_answers_that_are_shown_are_answers():
    shown = [block.text for block in pages.blocks(PAGE)[1:]]
    decoded = [answers.decode_response(text.removesuffix("\n").encode()) if "Length" in text else
               answers.decode_response(text.encode()) for text in shown]  # fmt: skip
    assert decoded == [
        Response("ok", note="<0f1e2d3c@example.com>"),
        Response("ok"),
        Response("json", body=b"[]"),
        Response("error", code="PROTOCOL", reason="unknown verb 'FOO'"),
    ]
