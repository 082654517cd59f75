"""AIMX/1 answers: the three success shapes and the error frame, both ways; broken ones are an error."""

import pytest

from aimx import limits
from aimx.errors import WireCode, WireError
from aimx.wire import answers, frames
from aimx.wire.frames import HookCreate, MarkRead, Response, Send, Version

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
    assert answers.encode_response(Response("ok", note="\0")) == b"AIMX/1 OK\n"


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
    "length-word": (b"AIMX/1 OK\nContent-Length: x\n\nab", 'non-integer Content-Length: "x"'),
    "note-and-body": (b"AIMX/1 OK <a@b>\nContent-Length: 2\n\nab", "with a note and a body"),
    "unknown-code": (b"AIMX/1 ERR OUCH it hurts\n", 'unknown error code: "OUCH"'),
    "unknown-code-in-header": (b"AIMX/1 ERR IO x\nCode: OUCH\n\n", 'unknown error code: "OUCH"'),
    "no-code": (b"AIMX/1 ERR \n", 'unknown error code: ""'),
    "bare-error": (b"AIMX/1 ERR\n", "not an AIMX/1 answer"),
    "cut-header": (b"AIMX/1 ERR IO x\nCode: I", "EOF mid-line"),
    "no-colon": (b"AIMX/1 ERR IO x\nCode\n\n", 'invalid header line: "Code"'),
    "other-version": (b"AIMX/2 OK\n", "not an AIMX/1 answer"),
    "endless": (b"AIMX/1 OK " + b"x" * 9000 + b"\n", "exceeds 8192 bytes"),
}


@pytest.mark.parametrize(("octets", "text"), BROKEN_ANSWERS.values(), ids=BROKEN_ANSWERS)
def test_a_broken_answer_is_an_error(octets, text):
    with pytest.raises(WireError, match=text):
        answers.decode_response(octets)


@pytest.mark.parametrize("code", WireCode)
def test_every_code_is_understood_with_and_without_its_header(code):
    bare = answers.decode_response(f"AIMX/1 ERR {code} why\n".encode())
    assert bare == answers.decode_response(f"AIMX/1 ERR {code} why\r\ncode:{code}\r\n\r\n".encode())
    assert bare == Response("error", code=code, reason="why")


def test_an_unknown_code_is_made_good_by_the_header():
    answer = answers.decode_response(b"AIMX/1 ERR NEW later\nCode: TEMP\n\n")
    assert answer == Response("error", code="TEMP", reason="later")


SHAPES_OF = {
    "id-for-send": (Send, b"AIMX/1 OK <a@b>\n", True),
    "bare-for-send": (Send, b"AIMX/1 OK\n", False),
    "json-for-send": (Send, b"AIMX/1 OK\nContent-Length: 2\n\n{}", True),
    "bare-for-mark": (MarkRead, b"AIMX/1 OK\n", True),
    "id-for-mark": (MarkRead, b"AIMX/1 OK <a@b>\n", False),
    "json-for-mark": (MarkRead, b"AIMX/1 OK\nContent-Length: 0\n\n", False),
    "json-for-hook": (HookCreate, b"AIMX/1 OK\nContent-Length: 2\n\n{}", True),
    "bare-for-hook": (HookCreate, b"AIMX/1 OK\n", True),
    "json-for-version": (Version, b"AIMX/1 OK\nContent-Length: 2\n\n{}", True),
    "bare-for-version": (Version, b"AIMX/1 OK\n", False),
    "error-for-all": (Version, b"AIMX/1 ERR IO x\nCode: IO\n\n", True),
}


@pytest.mark.parametrize(("request_type", "octets", "good"), SHAPES_OF.values(), ids=SHAPES_OF)
def test_a_success_has_the_shape_of_its_verb(request_type, octets, good):
    if good:
        assert answers.decode_response(octets, request_type)
        return
    with pytest.raises(WireError, match=f"not an answer to {frames.BY_FRAME[request_type].verb}"):
        answers.decode_response(octets, request_type)


def test_a_reason_longer_than_a_line_is_cut_between_characters():
    line, code, _, _ = answers.encode_response(Response("error", code="IO", reason="ü" * 9000)).split(b"\n")
    assert limits.HEADER_LINE_OCTETS - 1 <= len(line) <= limits.HEADER_LINE_OCTETS
    assert set(line.decode().removeprefix("AIMX/1 ERR IO ")) == {"ü"}
    assert code == b"Code: IO"


def test_a_reason_that_is_no_text_is_told_nevertheless():
    response = Response("error", code="IO", reason="cannot open a\udcffb")
    assert answers.encode_response(response) == b"AIMX/1 ERR IO cannot open a?b\nCode: IO\n\n"


def test_a_message_id_keeps_its_brackets():
    assert answers.decode_response(b"AIMX/1 OK  <a b@c> \r\n", Send).note == "<a b@c>"
