"""A connection as a trio stream, for the many small exchanges of a mail session.

Like trio.SocketStream, but it waits before it reads, and a write that goes out at once does not yield: an exchange
then takes one turn of the scheduler instead of three. Since every read waits, no session keeps the others waiting.
"""

import errno
import socket

import trio

from aimx import limits


class TcpStream(trio.abc.HalfCloseableStream):
    """One connection, whose non-blocking socket belongs to it. One reader and one writer at a time."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self.socket = sock
        self._ended = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write everything. Raises: BrokenResourceError, ClosedResourceError."""
        await trio.lowlevel.checkpoint_if_cancelled()
        rest = self.send_now(data)
        while rest:
            await trio.lowlevel.wait_writable(self.socket)
            rest = self.send_now(rest)

    def send_now(self, data: bytes | bytearray | memoryview) -> memoryview:
        """Write what the socket takes at once; what is left. Raises: BrokenResourceError, ClosedResourceError."""
        if self._ended:
            raise trio.ClosedResourceError("the end of output was sent")
        rest = memoryview(data)
        try:
            return rest[self.socket.send(rest) :] if rest else rest
        except BlockingIOError:
            return rest
        except OSError as error:
            raise _translated(error) from error

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until something can be written. Raises: ClosedResourceError."""
        self._refuse_closed()
        await trio.lowlevel.wait_writable(self.socket)

    async def send_eof(self) -> None:
        """End of output; input goes on. Raises: BrokenResourceError, ClosedResourceError."""
        await trio.lowlevel.checkpoint()
        if self._ended:
            return
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise _translated(error) from error
        self._ended = True

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """What has arrived, as soon as there is any; empty at end of input. Raises: as `send_all`."""
        self._refuse_closed()
        while True:
            await trio.lowlevel.wait_readable(self.socket)
            try:
                return self.socket.recv(limits.READ_OCTETS if max_bytes is None else max_bytes)
            except BlockingIOError:
                continue
            except OSError as error:
                raise _translated(error) from error

    async def aclose(self) -> None:
        """Close; whoever waits for it is told ClosedResourceError."""
        if self.socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self.socket)
            self.socket.close()
        await trio.lowlevel.checkpoint()

    def _refuse_closed(self) -> None:
        if self.socket.fileno() < 0:
            raise trio.ClosedResourceError("the connection was closed here")


def adopt(stream: trio.SocketStream) -> TcpStream:
    """The same connection, taken over from a stream that trio accepted."""
    accepted = stream.socket
    family, kind, number = accepted.family, accepted.type, accepted.proto
    return TcpStream(socket.socket(family, kind, number, accepted.detach()))


def _translated(error: OSError) -> trio.ClosedResourceError | trio.BrokenResourceError:
    if error.errno == errno.EBADF:
        return trio.ClosedResourceError("the connection was closed here")
    return trio.BrokenResourceError(f"connection broken: {error}")
