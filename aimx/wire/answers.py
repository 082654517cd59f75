"""Answers of AIMX/1: the three success shapes and the error frame, to octets and back. Never reads a socket."""

from aimx import limits
from aimx.errors import WireCode, WireError
from aimx.wire import frames
from aimx.wire.buffer import Buffer
from aimx.wire.frames import Request, Response, Success
from aimx.wire.text import number, one_line, quoted

_OK = "AIMX/1 OK"
_ERR = "AIMX/1 ERR "
_CODES = frozenset(WireCode)
_NDJSON = "application/x-ndjson"
_PROBLEM_OCTETS = 32  # a problem begins with its type


def encode_response(response: Response) -> bytes:
    """Server role. Total: whatever a reason holds, it becomes one line that a client can read."""
    if response.kind == "error":
        return _line(f"{_ERR}{response.code} {response.reason}") + f"Code: {response.code}\n\n".encode()
    if response.kind == "json":
        return f"{_OK}\nContent-Length: {len(response.body)}\n\n".encode() + response.body
    if response.kind == "stream":
        return f"{_OK}\nContent-Type: {_NDJSON}\n\n".encode()
    return _line(f"{_OK} {one_line(response.note).strip()}".rstrip())


def encode_problem(response: Response) -> bytes:
    """What ends a stream that cannot go on: an error as its last line."""
    import json  # a client that sends needs none

    return json.dumps({"type": "error", "code": str(response.code), "reason": response.reason}).encode() + b"\n"


def decode_problem(line: bytes) -> Response | None:
    """The error that a line of a stream is; None: it is none. Raises: WireError for a line that is no JSON object."""
    if b'"error"' not in line[:_PROBLEM_OCTETS]:
        return None
    import json  # a client that sends needs none

    try:
        told = json.loads(line)
        if told["type"] != "error":
            return None
        return Response("error", code=str(told["code"]), reason=str(told["reason"]))
    except (ValueError, KeyError, TypeError):
        raise WireError("the stream holds a line that cannot be read") from None


def _line(text: str) -> bytes:
    octets = one_line(text).encode(errors="replace")
    if len(octets) > limits.HEADER_LINE_OCTETS:
        octets = octets[: limits.HEADER_LINE_OCTETS].decode(errors="ignore").encode()
    return octets + b"\n"


def decode_response(octets: bytes, request: type[Request] | None = None) -> Response:
    """Client role: a whole answer, read until end of input, and of a shape that the request can have.

    Raises: WireError for anything else.
    """
    buffer = Buffer()
    buffer.feed(octets)
    buffer.feed(b"")
    status = buffer.line()
    if status is None:
        raise WireError("the daemon closed the connection without an answer")
    if status.startswith(_ERR):
        return _error(status[len(_ERR) :], buffer)
    if status != _OK and not status.startswith(f"{_OK} "):
        raise WireError(f"not an AIMX/1 answer: {quoted(status)}")
    response = _success(status[len(_OK) :].strip(), buffer)
    if request is not None and _success_of(response) not in frames.BY_FRAME[request].answers:
        raise WireError(f"not an answer to {frames.BY_FRAME[request].verb}: {quoted(status)}")
    return response


def _success_of(response: Response) -> Success:
    if response.kind in ("json", "stream"):
        return response.kind
    return "id" if response.note else "ack"


def _error(line: str, buffer: Buffer) -> Response:
    inline, _, reason = line.partition(" ")
    code = _headers(buffer).get("code", inline)  # the header wins
    if code not in _CODES:
        raise WireError(f"unknown error code: {quoted(code)}")
    return Response("error", code=code, reason=reason)


def _success(note: str, buffer: Buffer) -> Response:
    headers = _headers(buffer)
    if headers.get("content-type") == _NDJSON:
        return Response("stream", body=buffer.take(len(buffer)))
    if "content-length" not in headers:
        if len(buffer):
            raise WireError("answer without Content-Length")
        return Response("ok", note=note)
    length = number(headers["content-length"])
    if length is None:
        raise WireError(f"non-integer Content-Length: {quoted(headers['content-length'])}")
    if length != len(buffer):
        raise WireError("answer body does not match its Content-Length")
    if note:
        raise WireError(f"answer with a note and a body: {quoted(note)}")
    return Response("json", body=buffer.take(length))


def _headers(buffer: Buffer) -> dict[str, str]:
    found: dict[str, str] = {}
    while (line := buffer.line()) not in (None, ""):
        name, colon, value = str(line).partition(":")
        if not colon:
            raise WireError(f"invalid header line: {quoted(str(line))}")
        found[name.strip().lower()] = value.strip()
    return found
