"""What aiosmtpd's SMTP class reads from and writes to, on a trio stream."""

import trio

from aimx import limits, replies
from aimx.replies import SmtpReply


class SessionEnd(ConnectionResetError):
    """The session is over; aiosmtpd's loop passes this error through."""


class Rejected(Exception):
    """A command line that is answered without being executed."""

    def __init__(self, reply: SmtpReply) -> None:
        super().__init__(reply.line)
        self.reply = reply


class Writer:
    """Collects replies; they leave together before the next read (RFC 2920)."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._pending = bytearray()

    def write(self, octets: bytes) -> None:
        """Queue octets."""
        self._pending += octets

    async def drain(self) -> None:
        """aiosmtpd calls this after every line; the reader flushes instead."""

    async def flush(self) -> None:
        """Send what is queued. Raises: SessionEnd."""
        if not self._pending:
            return
        octets, self._pending = bytes(self._pending), bytearray()
        try:
            with trio.fail_after(limits.IDLE_S):
                await self._stream.send_all(octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError) as error:
            raise SessionEnd("peer does not read") from error

    def close(self) -> None:
        """aiosmtpd calls this when the session ends; the listener closes the stream."""


class Reader:
    """Command lines and message data. Nothing is read ahead of what one receive brings."""

    def __init__(self, stream: trio.abc.Stream, writer: Writer) -> None:
        self._stream = stream
        self._writer = writer
        self.buffer = bytearray()

    async def fill(self, timeout_s: float) -> None:
        """Receive once more. Raises: SessionEnd at end of input, trio.TooSlowError."""
        await self._writer.flush()
        try:
            with trio.fail_after(timeout_s):
                octets = await self._stream.receive_some(limits.READ_OCTETS)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise SessionEnd("connection lost") from error
        if not octets:
            raise SessionEnd("end of input")
        self.buffer += octets

    async def readuntil(self) -> bytes:
        """The next command line with its CRLF.

        Raises: Rejected for lines that are too long or not ended by CRLF; SessionEnd; trio.TooSlowError.
        """
        too_long = False
        searched = 0
        while (end := self.buffer.find(b"\n", searched)) < 0:
            if len(self.buffer) > limits.COMMAND_LINE_OCTETS:
                too_long = True
                self.buffer.clear()
            searched = len(self.buffer)
            await self.fill(limits.IDLE_S)
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        if too_long or len(line) > limits.COMMAND_LINE_OCTETS:
            raise Rejected(replies.LINE_TOO_LONG)
        if not line.endswith(b"\r\n"):
            raise Rejected(replies.BARE_LF_COMMAND)
        return line
