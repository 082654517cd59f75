"""Both roles of AIMX/1 as state machines over a Buffer: requests in, responses out, and the other way round.

Never reads a socket; never interprets a frame.
"""

import re
from typing import Any

from aimx import limits
from aimx.errors import UnknownVerb, WireError
from aimx.wire import frames
from aimx.wire.buffer import Buffer
from aimx.wire.frames import Header, Request, Response, Shape

PREFIX = "AIMX/1 "
_NUMBER = re.compile(r"\+?0*([0-9]{1,20})\Z")
_NUMBER_MAX = 2**64 - 1  # usize of the reference

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def _quoted(text: str) -> str:
    """As the reference prints a string for debugging: quotes and backslashes escaped, nothing unprintable."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else f"\\u{{{ord(c):x}}}") for c in text) + '"'


def _number(text: str) -> int | None:
    """The value of a length header; None: it is none."""
    found = _NUMBER.match(text)
    value = int(found[1]) if found else _NUMBER_MAX + 1
    return value if value <= _NUMBER_MAX else None


class RequestParser:
    """Server role: feed octets, ask for the request."""

    def __init__(self, body_limit: int = limits.FRAME_BODY_OCTETS) -> None:
        self.buffer = Buffer()
        self._body_limit = body_limit
        self._shape: Shape | None = None
        self._fields: dict[str, str] = {}
        self._count = 0
        self._length: int | None = None
        self._in_body = False

    def feed(self, octets: bytes) -> None:
        """Add received octets; an empty piece is the end of input."""
        self.buffer.feed(octets)

    def next_request(self) -> Request | None:
        """The request once it is complete; None while more input is needed.

        Raises: WireError (MALFORMED) or UnknownVerb (PROTOCOL); after that the parser is of no further use.
        """
        while not self._in_body:
            line = self.buffer.line()
            if line is None:
                if self.buffer.eof:
                    raise WireError("unexpected EOF in headers")
                return None
            if self._shape is None:
                self._shape = _shape_of(line)
            elif line == "":
                self._end_of_headers(self._shape)
            else:
                self._header(self._shape, line)
        assert self._shape is not None
        return self._with_body(self._shape)

    def _header(self, shape: Shape, line: str) -> None:
        self._count += 1
        if self._count > limits.FRAME_HEADERS:
            raise WireError(f"more than {limits.FRAME_HEADERS} headers")
        if shape.bare:
            raise WireError(f"{shape.verb} takes no headers, got {_quoted(line)}")
        name, colon, value = line.partition(":")
        if not colon:
            raise WireError(f"invalid header line: {_quoted(line)}")
        if not name.isascii():
            raise WireError(f"non-ascii header name: {_quoted(name)}")
        key, value = name.strip().lower(), value.strip()
        if key == "content-length":
            self._content_length(value)
            return
        known = next((header for header in shape.headers if header.name.lower() == key), None)
        if known is not None:
            self._known(known, value)

    def _content_length(self, value: str) -> None:
        if self._length is not None:
            raise WireError("duplicate Content-Length header")
        self._length = _number(value)
        if self._length is None:
            raise WireError(f"non-integer Content-Length: {_quoted(value)}")
        if self._length > self._body_limit:
            raise WireError(f"Content-Length {self._length} exceeds cap {self._body_limit}")

    def _known(self, header: Header, value: str) -> None:
        if header.attribute in self._fields:
            raise WireError(f"duplicate {header.name} header")
        if not value:
            raise WireError(f"empty {header.name} value")
        if "\0" in value or "\r" in value:
            raise WireError(f"control character in {header.name} value")
        self._fields[header.attribute] = value

    def _end_of_headers(self, shape: Shape) -> None:
        for header in shape.headers:
            if header.required and header.attribute not in self._fields:
                raise WireError(f"missing required header: {header.name}")
        if shape.body is not None and self._length is None:
            raise WireError("missing required header: Content-Length")
        if shape.body is None and self._length:
            raise WireError(f"{shape.verb} must have Content-Length: 0, got {self._length}")
        self._in_body = True

    def _with_body(self, shape: Shape) -> Request | None:
        values: dict[str, Any] = dict(self._fields)
        if shape.body is not None:
            length = self._length or 0
            body = self.buffer.take(length)
            if body is None:
                if self.buffer.eof:
                    raise WireError(f"body truncated: expected {length} bytes")
                return None
            values[shape.body] = body
        return shape.frame(**values)


def _shape_of(line: str) -> Shape:
    if not line.startswith(PREFIX):
        raise WireError(f"expected 'AIMX/1 <verb>', got {_quoted(line)}")
    verb = line[len(PREFIX) :]
    if verb not in frames.BY_VERB:
        raise UnknownVerb(f"unknown verb '{_one_line(verb)}'")
    return frames.BY_VERB[verb]


def encode_request(request: Request) -> bytes:
    """Client role: the octets of a request.

    Raises: WireError when a value cannot be framed (empty, or with a line break).
    """
    shape = frames.BY_FRAME[type(request)]
    lines = [f"{PREFIX}{shape.verb}"]
    for header in shape.headers:
        value = getattr(request, header.attribute)
        if value is None and not header.required:
            continue
        if not value or value != _one_line(value).strip():
            raise WireError(f"{header.name} cannot be framed: {_quoted(value)}")
        lines.append(f"{header.name}: {value}")
    body = getattr(request, shape.body) if shape.body else b""
    if shape.body:
        lines.append(f"Content-Length: {len(body)}")
    return "\n".join(lines).encode() + b"\n\n" + body


def _one_line(text: str) -> str:
    return text.replace("\r", "").replace("\n", "").replace("\0", "")


def encode_response(response: Response) -> bytes:
    """Server role: the three success shapes and the error frame (reference section 1.4)."""
    if response.kind == "error":
        return f"AIMX/1 ERR {response.code} {_one_line(response.reason)}\nCode: {response.code}\n\n".encode()
    if response.kind == "json":
        return f"AIMX/1 OK\nContent-Length: {len(response.body)}\n\n".encode() + response.body
    note = f" {_one_line(response.note)}" if response.note else ""
    return f"AIMX/1 OK{note}\n".encode()


def decode_response(octets: bytes) -> Response:
    """Client role: a whole answer, read until end of input.

    Raises: WireError for anything that is none of the four shapes.
    """
    buffer = Buffer()
    buffer.feed(octets)
    buffer.feed(b"")
    status = buffer.line()
    if status is None:
        raise WireError("the daemon closed the connection without an answer")
    if status == "AIMX/1 OK" or status.startswith("AIMX/1 OK "):
        return _decode_ok(status[len("AIMX/1 OK") :].strip(), buffer)
    if not status.startswith("AIMX/1 ERR "):
        raise WireError(f"not an AIMX/1 answer: {_quoted(status)}")
    code, _, reason = status[len("AIMX/1 ERR ") :].partition(" ")
    named = _headers(buffer).get("code", code)
    return Response("error", code=named, reason=reason)


def _decode_ok(note: str, buffer: Buffer) -> Response:
    if not len(buffer):
        return Response("ok", note=note)
    length = _number(_headers(buffer).get("content-length", ""))
    if length is None:
        raise WireError("answer without Content-Length")
    body = buffer.take(length)
    if body is None or len(buffer):
        raise WireError("answer body does not match its Content-Length")
    return Response("json", note=note, body=body)


def _headers(buffer: Buffer) -> dict[str, str]:
    found: dict[str, str] = {}
    while (line := buffer.line()) not in (None, ""):
        name, colon, value = str(line).partition(":")
        if not colon:
            raise WireError(f"invalid header line: {_quoted(str(line))}")
        found[name.strip().lower()] = value.strip()
    return found
