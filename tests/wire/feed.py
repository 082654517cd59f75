"""Requests read from octets in pieces, as the daemon reads them."""

from aimx.errors import WireError
from aimx.wire import codec, frames


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
