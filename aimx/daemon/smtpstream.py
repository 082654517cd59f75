"""What aiosmtpd's SMTP class reads from and writes to, on a trio stream. Knows lines and deadlines, no command."""

import re

import trio

from aimx import limits, replies
from aimx.effects.tcp import TcpStream
from aimx.replies import SmtpReply

_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")


class SessionEnd(ConnectionResetError):
    """The session is over; aiosmtpd's loop passes this error through. `reply` is None when nobody listens any more."""

    def __init__(self, why: str, reply: SmtpReply | None = None) -> None:
        super().__init__(why)
        self.reply = reply


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
        self._torn = False

    def write(self, octets: bytes) -> None:
        """Queue octets."""
        self._pending += octets

    async def drain(self) -> None:
        """aiosmtpd calls this after every line; the reader flushes instead."""

    async def flush(self) -> None:
        """Send what is queued. Raises: SessionEnd."""
        if not self._pending:
            return
        if self._torn:
            raise SessionEnd("an earlier reply was cut off")
        await trio.lowlevel.checkpoint_if_cancelled()  # a reply that has not begun to leave may still be said
        rest: bytes | memoryview = bytes(self._pending)
        self._pending = bytearray()
        self._torn = True
        try:
            if isinstance(self._stream, TcpStream):
                rest = self._stream.send_now(rest)  # nearly always all of it, which needs no deadline
            if rest:
                with trio.CancelScope(deadline=trio.current_time() + limits.IDLE_S):
                    await self._stream.send_all(rest)
                    rest = b""
            self._torn = bool(rest)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise SessionEnd("peer does not read") from error
        if self._torn:
            raise SessionEnd("peer does not read")

    def close(self) -> None:
        """aiosmtpd calls this when the session ends; the listener closes the stream."""


class Reader:
    """Command lines and message data.

    `lines` counts complete command lines, refused ones included; `line` is the last of them.
    """

    def __init__(self, stream: trio.abc.Stream, writer: Writer) -> None:
        self._stream = stream
        self._writer = writer
        self._waiting: trio.CancelScope | None = None
        self._stopping = False
        self.buffer = bytearray()
        self.lines = 0
        self.line = b""

    def stop(self) -> None:
        """End the session at its next wait for a command, or now when it waits for one already."""
        self._stopping = True
        if self._waiting is not None:
            self._waiting.cancel()

    async def receive(self, size_octets: int) -> bytes:
        """What the peer sent, as soon as there is any. Raises: SessionEnd at end of input."""
        await self._writer.flush()
        try:
            octets = await self._stream.receive_some(size_octets)
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise SessionEnd("connection lost") from error
        if not octets:
            raise SessionEnd("end of input")
        return bytes(octets)

    async def _more_commands(self, deadline: float) -> None:
        await self._writer.flush()
        if self._stopping:
            raise SessionEnd("stopping", replies.SHUTTING_DOWN)
        try:
            with trio.CancelScope(deadline=deadline) as self._waiting:
                # Small reads: a packet of pipelined commands must not keep other sessions waiting.
                self.buffer += await self.receive(limits.COMMAND_READ_OCTETS)
                return
        finally:
            self._waiting = None
        if self._stopping:
            raise SessionEnd("stopping", replies.SHUTTING_DOWN)
        raise SessionEnd("idle", replies.IDLE)

    async def readuntil(self) -> bytes:
        """The next command line with its CRLF: no control characters, valid UTF-8.

        Raises: Rejected for any other line, when all of it has been read; SessionEnd.
        """
        too_long = False
        searched = 0
        deadline = trio.current_time() + limits.IDLE_S  # of the whole line: an octet now and then is no command
        while (end := self.buffer.find(b"\n", searched)) < 0:
            if len(self.buffer) > limits.COMMAND_LINE_OCTETS:
                too_long = True
                del self.buffer[:-1]  # the last octet may be the CR of the line end
            searched = len(self.buffer)
            await self._more_commands(deadline)
        line = self.line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        self.lines += 1
        if too_long or len(line) > limits.COMMAND_LINE_OCTETS:
            raise Rejected(replies.LINE_TOO_LONG)
        if not line.endswith(b"\r\n"):
            raise Rejected(replies.BARE_LF_COMMAND)
        if _CONTROL.search(line, 0, len(line) - 2):
            raise Rejected(replies.BAD_CHARACTER)
        if not line.isascii():
            try:
                line.decode()
            except UnicodeDecodeError as error:
                raise Rejected(replies.BAD_CHARACTER) from error
        return line
