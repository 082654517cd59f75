"""The blocking client of the CLI: one frame out, one frame in. Imports nothing heavy."""

import socket
from pathlib import Path

from aimx import limits
from aimx.errors import DaemonUnavailable
from aimx.wire import codec
from aimx.wire.frames import Request, Response


def call(path: Path, request: Request, timeout_s: float = limits.CLIENT_REPLY_S) -> Response:
    """Send one request and read its answer.

    Raises: DaemonUnavailable when nothing listens or answers in time; WireError for an answer that is none.
    """
    octets = codec.encode_request(request)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(limits.CLIENT_CONNECT_S)
        sock.connect(str(path))
        sock.settimeout(timeout_s)
        sock.sendall(octets)
        sock.shutdown(socket.SHUT_WR)
        pieces = []
        while piece := sock.recv(limits.READ_OCTETS):
            pieces.append(piece)
    except OSError as error:
        raise DaemonUnavailable(f"no aimx daemon answers on {path}: start `aimx serve`", detail=str(error)) from error
    finally:
        sock.close()
    return codec.decode_response(b"".join(pieces))
