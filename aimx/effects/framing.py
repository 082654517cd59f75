"""Frames between our own processes on a stream socketpair: u32 length, msgpack payload, descriptors beside it.

Blocking half, for workers and the spawner. The front's half is effects.channel.
"""

import array
import errno
import os
import socket
import struct

from aimx import limits

HEADER = struct.Struct(">I")
MAX_FDS = 8
_TRUNCATED = int(socket.MSG_CTRUNC)  # the enumeration's own `&` takes longer than the call that it is about
_ANCILLARY = socket.CMSG_SPACE(MAX_FDS * array.array("i").itemsize)


def pack(payload: bytes) -> bytes:
    """A payload with its length in front."""
    return HEADER.pack(len(payload)) + payload


def fds_of(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    """The descriptors in received control messages, made non-inheritable."""
    fds = array.array("i")
    for level, kind, octets in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(octets[: len(octets) - len(octets) % fds.itemsize])
    for fd in fds:
        os.set_inheritable(fd, False)
    return list(fds)


def rights(fds: tuple[int, ...]) -> list[tuple[int, int, bytes]]:
    """The control message that sends descriptors along."""
    return [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds).tobytes())] if fds else []


class Pipe:
    """A blocking framed socket. `fds` queues received descriptors in order of arrival."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.fds: list[int] = []

    def send(self, payload: bytes, fds: tuple[int, ...] = ()) -> None:
        """Write one frame. Raises: OSError when the other end is gone."""
        octets = pack(payload)
        sent = self.sock.sendmsg([octets], rights(fds))
        if sent < len(octets):
            self.sock.sendall(memoryview(octets)[sent:])

    def receive(self) -> bytes | None:
        """The next frame's payload; None at end of input. Raises: OSError; the pipe is then of no more use."""
        header = self._exactly(HEADER.size)
        if header is None:
            return None
        (length,) = HEADER.unpack(header)
        if length > limits.FRAME_OCTETS:
            raise OSError("frame over the limit")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes | None:
        pieces = bytearray(count)
        view = memoryview(pieces)
        got = 0
        while got < count:
            size, ancillary, flags, _ = self.sock.recvmsg_into([view[got:]], _ANCILLARY, socket.MSG_CMSG_CLOEXEC)
            if ancillary:
                self.fds.extend(fds_of(ancillary))
            if flags & _TRUNCATED:
                # Every later frame would be served with the descriptors of another one.
                raise OSError(errno.EMFILE, "descriptors were lost")
            if size == 0:
                return None
            got += size
        return bytes(pieces)
