"""The demo's remote mail server: takes mail on loopback and keeps it as files. Knows no relay, no TLS, one reply each.

A few lines of its own, so that what arrives is seen by something that shares nothing with the daemon.
"""

import socketserver
import threading
from collections.abc import Callable
from pathlib import Path

_REPLIES = {
    b"EHLO": b"250-mx.example.test\r\n250 8BITMIME\r\n",
    b"HELO": b"250 mx.example.test\r\n",
    b"MAIL": b"250 2.1.0 ok\r\n",
    b"RCPT": b"250 2.1.5 ok\r\n",
    b"RSET": b"250 2.0.0 ok\r\n",
    b"NOOP": b"250 2.0.0 ok\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}
_LINE_OCTETS = 4096
_IDLE_S = 60.0


class MailServer:
    """Listens on `host` from background threads until closed; calls `arrived` with the file of each message."""

    def __init__(self, folder: Path, arrived: Callable[[Path], None], host: str = "127.0.0.1") -> None:
        self._folder = folder
        self._arrived = arrived
        self._lock = threading.Lock()
        self._count = 0
        outer = self

        class Session(socketserver.StreamRequestHandler):
            timeout = _IDLE_S

            def handle(self) -> None:
                outer._converse(self)

        self._server = socketserver.ThreadingTCPServer((host, 0), Session)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def _converse(self, session: socketserver.StreamRequestHandler) -> None:
        session.wfile.write(b"220 mx.example.test ESMTP\r\n")
        while line := session.rfile.readline(_LINE_OCTETS):
            verb = line[:4].upper()
            if verb == b"DATA":
                session.wfile.write(b"354 go ahead\r\n")
                if not self._take(session):
                    return
                session.wfile.write(b"250 2.0.0 taken\r\n")
                continue
            session.wfile.write(_REPLIES.get(verb, b"500 5.5.1 unknown\r\n"))
            if verb == b"QUIT":
                return

    def _take(self, session: socketserver.StreamRequestHandler) -> bool:
        """A message up to its final dot; False when the client leaves before."""
        lines = []
        while (line := session.rfile.readline(_LINE_OCTETS)) != b".\r\n":
            if not line:
                return False
            lines.append(line.removeprefix(b"."))
        with self._lock:
            self._count += 1
            path = self._folder / f"{self._count}.eml"
        path.write_bytes(b"".join(lines))
        self._arrived(path)
        return True
