"""The answer of a verb that streams, as it comes: octets in, whole lines out. Never reads a socket."""

from aimx import limits
from aimx.errors import WireError
from aimx.wire import answers
from aimx.wire.frames import Request, Response


class Streamed:
    """Client role. `error` is set once the daemon has refused, or ended what it had begun; nothing follows then."""

    def __init__(self, request: type[Request]) -> None:
        self.error: Response | None = None
        self._request = request
        self._held = bytearray()
        self._head: list[bytes] | None = []

    @property
    def answered(self) -> bool:
        """Whether the head is there."""
        return self._head is None

    @property
    def begun(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._held)

    def feed(self, octets: bytes) -> list[bytes]:
        """The lines that are complete now, without their ends. Raises: WireError."""
        *whole, rest = octets.split(b"\n")
        found: list[bytes] = []
        for line in whole:
            self._line(bytes(self._held) + line, found)
            self._held.clear()
            if self.error is not None:
                return found
        self._held += rest
        if len(self._held) > limits.STREAM_LINE_OCTETS:
            raise WireError(f"a line of the answer exceeds {limits.STREAM_LINE_OCTETS} bytes")
        return found

    def _line(self, line: bytes, found: list[bytes]) -> None:
        if self._head is None:
            self.error = answers.decode_problem(line + b"\n")
            if self.error is None:
                found.append(line)
            return
        self._head.append(line)
        if len(self._head) > limits.FRAME_HEADERS:
            raise WireError(f"more than {limits.FRAME_HEADERS} headers")
        if sum(map(len, self._head)) > limits.HEADER_LINE_OCTETS:
            raise WireError(f"the head of the answer exceeds {limits.HEADER_LINE_OCTETS} bytes")
        if not line:
            response = answers.decode_response(b"\n".join([*self._head, b""]), self._request)
            self.error = response if response.kind == "error" else None
            self._head = None
