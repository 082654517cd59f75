"""The front's end of a framed socketpair, on trio."""

import socket
from typing import NamedTuple

import trio

from aimx import limits
from aimx.effects import framing


class ChannelClosed(Exception):
    """The process at the other end is gone."""


class Unsent(NamedTuple):
    """The rest of a frame that has begun, and the descriptors that still go with it."""

    octets: memoryview
    fds: tuple[int, ...]


class Channel:
    """Framed messages with descriptors. One sender and one receiver task at a time."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = sock
        self._buffer = bytearray()

    async def send(self, payload: bytes, fds: tuple[int, ...] = ()) -> None:
        """Write one frame.

        Cancellation: a cancelled send leaves half a frame behind; the caller must then close the channel.
        Raises: ChannelClosed.
        """
        unsent = self.begin(payload, fds)
        if unsent is not None:
            await self.finish(unsent)

    def begin(self, payload: bytes, fds: tuple[int, ...] = ()) -> Unsent | None:
        """Write what the socket takes at once, nearly always the whole frame; None when that was all of it.

        Otherwise `finish` comes before anything else. Raises: ChannelClosed.
        """
        return self._write(Unsent(memoryview(framing.pack(payload)), fds))

    async def finish(self, unsent: Unsent | None) -> None:
        """Write the rest of a frame. Raises: ChannelClosed."""
        while unsent is not None:
            try:
                await trio.lowlevel.wait_writable(self._sock)
            except (OSError, ValueError, trio.ClosedResourceError) as error:
                raise ChannelClosed(str(error)) from error
            unsent = self._write(unsent)

    def _write(self, unsent: Unsent) -> Unsent | None:
        try:
            sent = self._sock.sendmsg([unsent.octets], framing.rights(unsent.fds))
        except BlockingIOError:
            return unsent
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        rest = unsent.octets[sent:]
        return Unsent(rest, ()) if rest else None

    async def receive(self) -> bytes:
        """The next frame's payload. Safe to cancel. Raises: ChannelClosed."""
        while True:
            if len(self._buffer) >= framing.HEADER.size:
                (length,) = framing.HEADER.unpack_from(self._buffer)
                if length > limits.FRAME_OCTETS:
                    raise ChannelClosed("frame over the limit")
                end = framing.HEADER.size + length
                if len(self._buffer) >= end:
                    payload = bytes(memoryview(self._buffer)[framing.HEADER.size : end])
                    del self._buffer[:end]
                    return payload
            await self._read()

    async def _read(self) -> None:
        """Wait first: what is asked for here has nearly never arrived yet."""
        try:
            await trio.lowlevel.wait_readable(self._sock)
            octets = self._sock.recv(256 * limits.KIB)
        except BlockingIOError:
            return
        except (OSError, ValueError, trio.ClosedResourceError) as error:
            raise ChannelClosed(str(error)) from error
        if not octets:
            raise ChannelClosed("end of input")
        self._buffer += octets

    def close(self) -> None:
        """Close the socket; the helper ends at end of input."""
        if self._sock.fileno() >= 0:
            trio.lowlevel.notify_closing(self._sock)
        self._sock.close()
