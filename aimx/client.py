"""The blocking client of the CLI: one frame out, one frame in. Imports nothing heavy."""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aimx import limits
from aimx.errors import DaemonAbsent, DaemonRefused, DaemonSilent, DaemonUnavailable, WireError
from aimx.wire import answers, codec
from aimx.wire.frames import Request, Response
from aimx.wire.streamed import Streamed

if TYPE_CHECKING:
    from pathlib import Path


def call(path: "Path | str", request: Request, timeout_s: float = limits.CLIENT_REPLY_S) -> Response:
    """Send one request and read its answer.

    Args:
        timeout_s: from the connection to the end of the answer, however it trickles in.

    Raises: DaemonAbsent when nothing listens; DaemonUnavailable when nobody takes the request; DaemonSilent when it was
        taken and not answered in time; WireError for an answer that is none.
    """
    octets = codec.encode_request(request)
    taken = False
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _connect(sock, path, min(timeout_s, limits.CLIENT_CONNECT_S))
        deadline = time.monotonic() + timeout_s
        sock.settimeout(timeout_s)
        _send(sock, octets)
        taken = True
        answer = _read(sock, deadline)
    except OSError as error:
        raise _kind(error, taken)(_why(str(path), error), detail=error.strerror or str(error)) from error
    finally:
        sock.close()
    return answers.decode_response(answer, type(request))


def stream(path: "Path | str", request: Request) -> Iterator[bytes]:
    """Send one request and yield the lines of its answer until the daemon ends it.

    Raises: as `call`; DaemonRefused for an error frame, or an error that ends the stream; DaemonSilent when nothing
        comes for CLIENT_STREAM_S or the stream ends inside a line.
    """
    octets = codec.encode_request(request)
    taken = False
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _connect(sock, path, limits.CLIENT_CONNECT_S)
        sock.settimeout(limits.CLIENT_STREAM_S)
        _send(sock, octets)
        taken = True
        yield from _stream(sock, request)
    except OSError as error:
        raise _kind(error, taken)(_why(str(path), error), detail=error.strerror or str(error)) from error
    finally:
        sock.close()


def _stream(sock: socket.socket, request: Request) -> Iterator[bytes]:
    told = Streamed(type(request))
    while piece := sock.recv(limits.READ_OCTETS):
        for line in told.feed(piece):
            yield line + b"\n"
        if told.error is not None:
            body_of(told.error)
    if told.begun:
        raise DaemonSilent("the answer ended inside a line")
    if not told.answered:
        raise WireError("the daemon closed the connection without an answer")


def body_of(response: Response) -> bytes:
    """The body of a success. Raises: DaemonRefused."""
    if response.kind == "error":
        raise DaemonRefused(response.reason, code=response.code)
    return response.body


def _connect(sock: socket.socket, path: "Path | str", patience_s: float) -> None:
    """With the kernel's timeout: a socket that does not block is refused at once where the queue is full."""
    patience = struct.pack("ll", int(patience_s), int(patience_s % 1 * 1_000_000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, patience)
    sock.connect(str(path))


def _send(sock: socket.socket, octets: bytes) -> None:
    """A daemon that refuses a frame early stops reading: what it said is still to be read."""
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)


def _read(sock: socket.socket, deadline: float) -> bytes:
    answer = bytearray()
    with contextlib.suppress(ConnectionResetError):
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            sock.settimeout(left)
            piece = sock.recv(limits.READ_OCTETS)
            if not piece:
                break
            answer += piece
            if len(answer) > limits.CLIENT_ANSWER_OCTETS:
                raise WireError(f"answer exceeds {limits.CLIENT_ANSWER_OCTETS} bytes")
    return bytes(answer)


# A socket that this user cannot reach is none to him: nothing was sent.
_NOBODY = (FileNotFoundError, ConnectionRefusedError, PermissionError)


def _kind(error: OSError, taken: bool) -> type[DaemonUnavailable]:
    if taken:
        return DaemonSilent
    return DaemonAbsent if isinstance(error, _NOBODY) else DaemonUnavailable


def _why(path: str, error: OSError) -> str:
    if isinstance(error, TimeoutError | BlockingIOError):
        return f"the aimx daemon on {path} did not answer in time"
    if isinstance(error, FileNotFoundError | ConnectionRefusedError):
        return f"no aimx daemon answers on {path}: start `aimx serve`"
    if isinstance(error, PermissionError):
        return f"no aimx daemon can be asked on {path}: it is closed to this user; start `aimx serve` as root"
    return f"the aimx daemon on {path} cannot be reached: {error.strerror}"
