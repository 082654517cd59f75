"""Octets read in pieces, as the daemon reads requests, and as both sides hold answers to be."""

from aimx.errors import WireError
from aimx.wire import answers, codec, frames


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


def anybody(_kind: object, _caller: object) -> None:
    """Admits every request."""


def outcome(octets: bytes, step: int) -> object:
    """The class of the request and the request, or the class and the text of the refusal."""
    try:
        request = parse(octets, step)
        return type(request), request
    except WireError as error:
        assert error.reason
        return type(error), error.reason


def an_answer_or_an_error(octets: bytes) -> None:
    """Either of them, whatever the octets; what is read as an answer is written and read the same."""
    try:
        found = answers.decode_response(octets)
    except WireError as error:
        assert error.reason
        return
    once = answers.encode_response(found)
    assert answers.encode_response(answers.decode_response(once)) == once
