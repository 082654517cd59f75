"""One HTTP request from a connection, and one answer to it: everything bounded, no bodies, nothing kept alive."""

from typing import NamedTuple

import h11
import trio

from aimx import limits

_REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 408: "Request Timeout",
    413: "Content Too Large", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}  # fmt: skip


class Request(NamedTuple):
    """The path without its query; header names in small letters."""

    method: str
    path: str
    headers: tuple[tuple[bytes, bytes], ...]


class Answer(NamedTuple):
    """A status and a JSON object. `extra`: further header fields."""

    status: int
    body: bytes
    extra: tuple[tuple[str, str], ...] = ()


class Bad(Exception):
    """What came is no request that is answered otherwise than with this status."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class Exchange:
    """The one request and answer of a connection."""

    def __init__(self, stream: trio.abc.HalfCloseableStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.VERIFIER_HEAD_OCTETS)

    async def request(self) -> Request | None:
        """None when the peer says nothing at all. Raises: Bad, BrokenResourceError."""
        try:
            with trio.fail_after(limits.VERIFIER_HEAD_S):
                return await self._head()
        except trio.TooSlowError:
            raise Bad(408, "the request does not come") from None
        except h11.RemoteProtocolError as error:
            raise Bad(error.error_status_hint if error.error_status_hint in _REASONS else 400, "no HTTP") from error

    async def _head(self) -> Request | None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(bytes(await self._stream.receive_some(limits.VERIFIER_HEAD_OCTETS)))
            elif isinstance(event, h11.Request):
                return _checked(event)
            else:
                return None

    async def gone(self) -> None:
        """Returns when the peer hangs up; what else it says is not read."""
        try:
            if await self._stream.receive_some(1):
                await trio.sleep_forever()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return

    async def answer(self, answer: Answer, head_only: bool = False) -> None:
        """Write it and end the connection. Raises: BrokenResourceError."""
        with trio.move_on_after(limits.VERIFIER_HEAD_S):
            await self._stream.send_all(_octets(answer, head_only))
            await self._stream.send_eof()
        await self._linger()

    async def _linger(self) -> None:
        """Until the peer has read it: a reset, for what it still writes, would take the answer away from it."""
        left = limits.VERIFIER_LINGER_OCTETS
        with trio.move_on_after(limits.LINGER_S):
            while left > 0 and (octets := await self._stream.receive_some(limits.VERIFIER_HEAD_OCTETS)):
                left -= len(octets)


def _checked(event: h11.Request) -> Request:
    headers = tuple((bytes(name), bytes(value)) for name, value in event.headers)
    if len(headers) > limits.VERIFIER_HEADERS:
        raise Bad(431, "too many header fields")
    for name, value in headers:
        if name == b"transfer-encoding" or (name == b"content-length" and value != b"0"):
            raise Bad(413, "a body")
    path = event.target.partition(b"?")[0].decode("latin-1")
    return Request(event.method.decode("latin-1"), path, headers)


def _octets(answer: Answer, head_only: bool) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}", "Content-Type: application/json",
        f"Content-Length: {len(answer.body)}", "Cache-Control: no-store", "Connection: close",
        *(f"{name}: {value}" for name, value in answer.extra),
    ]  # fmt: skip
    return "\r\n".join((*lines, "", "")).encode() + (b"" if head_only else answer.body)
