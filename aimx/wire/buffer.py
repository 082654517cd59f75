"""An input buffer that yields bounded lines and counted bodies, whatever the chunks it is fed with."""

from aimx import limits
from aimx.errors import WireError


class Buffer:
    """Octets received and not yet consumed. Never holds more than a line, a chunk and what a body still needs."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._searched = 0
        self.eof = False

    def feed(self, octets: bytes) -> None:
        """Add received octets; an empty piece means the end of input."""
        if octets:
            self._octets += octets
        else:
            self.eof = True

    def __len__(self) -> int:
        return len(self._octets)

    def line(self) -> str | None:
        """The next line without its line end; None when more input is needed.

        Raises: WireError for a line over the limit, invalid UTF-8, or an end of input inside a line.
        """
        end = self._octets.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._octets)
            if self._searched > limits.HEADER_LINE_OCTETS:
                raise WireError(f"header line exceeds {limits.HEADER_LINE_OCTETS} bytes")
            if self.eof and self._octets:
                raise WireError("unexpected EOF mid-line (no terminator)")
            return None
        if end > limits.HEADER_LINE_OCTETS:
            raise WireError(f"header line exceeds {limits.HEADER_LINE_OCTETS} bytes")
        raw = bytes(self._octets[:end]).rstrip(b"\r")
        del self._octets[: end + 1]
        self._searched = 0
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            raise WireError("header line contains invalid UTF-8") from error

    def take(self, count: int) -> bytes:
        """At most `count` octets of those that have arrived."""
        taken = bytes(memoryview(self._octets)[:count])
        del self._octets[:count]
        self._searched = 0
        return taken
