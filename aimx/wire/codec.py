"""Requests of AIMX/1: octets to frames as a state machine over a Buffer, and frames to octets.

Never reads a socket; never interprets a frame. Everything about a verb comes from the table in `frames`.
"""

import io
import re
from typing import Any

from aimx import limits
from aimx.errors import InvalidBody, UnknownVerb, WireError
from aimx.wire import frames
from aimx.wire.buffer import Buffer
from aimx.wire.frames import LENGTHS, Header, Request, Shape
from aimx.wire.text import number, one_line, quoted

PREFIX = "AIMX/1 "
_OWNER = re.compile(r"[a-z_][a-z0-9_-]*[$]?\Z", re.ASCII)
_OWNER_RULE = "[a-z_][a-z0-9_-]*[$]?"
_FLAGS = {"true": True, "false": False}


class RequestParser:
    """Server role: feed octets, ask for the request."""

    def __init__(self, body_limit: int = limits.FRAME_BODY_OCTETS) -> None:
        self.buffer = Buffer()
        self.announced: type[Request] | None = None  # what the request will be, once its headers are complete
        self._body_limit = body_limit
        self._shape: Shape | None = None
        self._seen: set[str] = set()
        self._values: dict[str, Any] = {}
        self._lengths: dict[str, int] = {}
        self._count = 0
        self._bodies: list[tuple[Header, int]] = []
        self._body = io.BytesIO()

    def feed(self, octets: bytes) -> None:
        """Add received octets; an empty piece is the end of input."""
        self.buffer.feed(octets)

    def next_request(self) -> Request | None:
        """The request once it is complete; None while more input is needed.

        Raises: WireError (MALFORMED), UnknownVerb or InvalidBody (PROTOCOL); after that the parser is of no use.
        """
        while self.announced is None:
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
        return self._with_bodies(self._shape)

    def _header(self, shape: Shape, line: str) -> None:
        self._count += 1
        if self._count > limits.FRAME_HEADERS:
            raise WireError(f"more than {limits.FRAME_HEADERS} headers")
        if shape.bare:
            raise WireError(f"{shape.verb} takes no headers, got {quoted(line)}")
        name, colon, value = line.partition(":")
        if not colon:
            raise WireError(f"invalid header line: {quoted(line)}")
        if not name.isascii():
            raise WireError(f"non-ascii header name: {quoted(name)}")
        key, value = name.strip().lower(), value.strip()
        for refused, text in shape.refused:
            if key == refused.lower():
                raise WireError(text)
        known = next((header for header in shape.headers if header.name.lower() == key), None)
        if known is not None:
            self._known(known, value)

    def _known(self, header: Header, value: str) -> None:
        if header.name in self._seen:
            raise WireError(f"duplicate {header.name} header")
        self._seen.add(header.name)
        if header.reading in LENGTHS:
            self._lengths[header.name] = _length(header, value, self._body_limit)
        elif header.attribute:
            self._values[header.attribute] = _value(header, value)
        else:
            _value(header, value)

    def _end_of_headers(self, shape: Shape) -> None:
        instead = any(header.reading == "json" and self._lengths.get(header.name) for header in shape.headers)
        for header in shape.headers:
            if header.required and header.name not in self._seen and not instead:
                raise WireError(f"missing required header: {header.name}")
            length = self._lengths.get(header.name)
            if header.reading == "empty" and length:
                raise WireError(f"{shape.label} must have Content-Length: 0, got {length}")
            if length is not None and (header.reading == "body" or (header.reading == "json" and length)):
                self._bodies.append((header, length))
        if shape.exclusive:
            first, second, text = shape.exclusive
            if self._values.get(first) and any(header.attribute == second for header, _ in self._bodies):
                raise WireError(text)
        self.announced = shape.frame

    def _with_bodies(self, shape: Shape) -> Request | None:
        while self._bodies:
            header, length = self._bodies[0]
            self._body.write(self.buffer.take(length - self._body.tell()))
            if self._body.tell() < length:
                if self.buffer.eof:
                    raise WireError(header.truncated.format(length))
                return None
            octets = self._body.getvalue()
            self._body = io.BytesIO()
            del self._bodies[0]
            if header.reading == "json":
                self._from_json(shape, octets)
            else:
                self._values[header.attribute] = octets
        return shape.frame(**self._values)

    def _from_json(self, shape: Shape, octets: bytes) -> None:
        """Values of the headers, given as an object of the frame's attributes."""
        import msgspec  # a client reads no requests, and this is most of its start

        texts = {header.attribute: header for header in shape.headers if header.attribute}
        try:
            found = msgspec.json.decode(octets, type=dict[str, str | None])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:  # msgspec raises all three
            raise InvalidBody(f"invalid {shape.verb} body: {one_line(str(error))}") from error
        for key, value in found.items():
            if key not in texts:
                raise InvalidBody(f"invalid {shape.verb} body: unknown field {quoted(key)}")
            if value is None:
                continue
            if len(key) + len(value.encode()) >= limits.HEADER_LINE_OCTETS:
                raise InvalidBody(f"invalid {shape.verb} body: {key} exceeds {limits.HEADER_LINE_OCTETS} bytes")
            given = _value(texts[key], value.strip())
            if self._values.setdefault(key, given) != given:
                raise InvalidBody(f"invalid {shape.verb} body: {key} differs from the {texts[key].name} header")
        for header in texts.values():
            if header.required and header.attribute not in self._values:
                raise InvalidBody(f"invalid {shape.verb} body: missing field {quoted(header.attribute)}")


def _shape_of(line: str) -> Shape:
    if not line.startswith(PREFIX):
        raise WireError(f"expected 'AIMX/1 <verb>', got {quoted(line)}")
    verb = line[len(PREFIX) :]
    if verb not in frames.BY_VERB:
        raise UnknownVerb(f"unknown verb '{one_line(verb)}'")
    return frames.BY_VERB[verb]


def _length(header: Header, text: str, limit: int) -> int:
    length = number(text)
    if length is None:
        raise WireError(f"non-integer {header.name}: {quoted(text)}")
    if length > limit:
        raise WireError(f"{header.name} {length} exceeds cap {limit}")
    return length


def _value(header: Header, text: str) -> str | bool | int:
    if header.reading == "number":
        count = number(text)
        if count is None or count > limits.HEADER_NUMBER_MAX:
            raise WireError(f"non-integer {header.name}: {quoted(text)}")
        return count
    if header.reading in ("flag", "choice"):
        if text.lower() not in _FLAGS:
            raise WireError(f"invalid {header.name} value: {quoted(text)} (expected 'true' or 'false')")
        return _FLAGS[text.lower()]
    if not text:
        raise WireError(f"empty {header.name} value")
    if text != one_line(text):
        raise WireError(f"control character in {header.name} value")
    if header.reading == "owner" and (not _OWNER.match(text) or len(text) > limits.USER_NAME_OCTETS):
        raise WireError(f"invalid {header.name} value: {quoted(text)} (must match {_OWNER_RULE})")
    return text


def encode_request(request: Request) -> bytes:
    """Client role: the octets of a request.

    Raises: WireError when a value cannot be framed (empty, with a line break, not text, or over a limit).
    """
    shape = frames.BY_FRAME[type(request)]
    if shape.exclusive:
        first, second, text = shape.exclusive
        if getattr(request, first) and getattr(request, second) is not None:
            raise WireError(text)
    lines, bodies = [f"{PREFIX}{shape.verb}".encode()], []
    for header in shape.headers:
        value = getattr(request, header.attribute) if header.attribute else None
        if header.reading == "body" and value is not None:
            bodies.append(value)
            value = str(len(value))
        elif header.reading in {"json", "empty"}:
            value = "0"
        elif header.reading == "flag":
            value = "true" if value else None
        elif header.reading == "choice" and value is not None:
            value = "true" if value else "false"
        elif header.reading == "number" and value is not None:
            value = str(value)
        if value is not None:
            lines.append(_header_line(header, value))
    return b"\n".join([*lines, b"", b"".join(bodies)])


def _header_line(header: Header, value: str) -> bytes:
    if not value or value != one_line(value).strip():
        raise WireError(f"{header.name} cannot be framed: {quoted(value)}")
    try:
        line = f"{header.name}: {value}".encode()
    except UnicodeEncodeError as error:
        raise WireError(f"{header.name} is not UTF-8: {quoted(value)}") from error
    if len(line) > limits.HEADER_LINE_OCTETS:
        raise WireError(f"{header.name} exceeds {limits.HEADER_LINE_OCTETS} bytes")
    return line
