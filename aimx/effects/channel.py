"""The front's end of a framed socketpair, on trio."""

import socket

import trio

from aimx import limits
from aimx.effects import framing


class ChannelClosed(Exception):
    """The process at the other end is gone."""


class Channel:
    """Framed messages with descriptors. One sender and one receiver task at a time."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._sock = trio.socket.from_stdlib_socket(sock)
        self._buffer = bytearray()

    async def send(self, payload: bytes, fds: tuple[int, ...] = ()) -> None:
        """Write one frame.

        Cancellation: a cancelled send leaves half a frame behind; the caller must then close the channel.
        Raises: ChannelClosed.
        """
        view = memoryview(framing.pack(payload))
        control = framing.rights(fds)
        try:
            while view:
                sent = await self._sock.sendmsg([view], control)
                view, control = view[sent:], []
        except (OSError, trio.ClosedResourceError) as error:
            raise ChannelClosed(str(error)) from error

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
        try:
            octets = await self._sock.recv(256 * limits.KIB)
        except (OSError, trio.ClosedResourceError) as error:
            raise ChannelClosed(str(error)) from error
        if not octets:
            raise ChannelClosed("end of input")
        self._buffer += octets

    def close(self) -> None:
        """Close the socket; the helper ends at end of input."""
        self._sock.close()
