"""A mail server on loopback whose answers follow from the recipient: ok@, no@, later@, gone@ and hold@ any domain."""

import contextlib
import socketserver
import threading

from tests.harness import DOMAIN

ANSWERS = {"no": b"550 no such user", "later": b"451 4.2.0 later"}
ZONE = {name: {"MX": ["10 mx.test."]} for name in ("one.test", "two.test", "three.test", "four.test")} | {
    "mx.test": {"A": ["127.0.0.1"]},
    DOMAIN: {"A": ["203.0.113.5"]},
}


class Server(socketserver.ThreadingTCPServer):
    """`taken`: messages that got 250. `held`: set when a message for hold@ has arrived; it waits for `go`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.taken: list[tuple[list[str], bytes]] = []
        self.held, self.go = threading.Event(), threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server_address[1]

    def close(self) -> None:
        """End it."""
        self.go.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request, client_address) -> None:
        """A client that went away is no news."""


class _Session(socketserver.StreamRequestHandler):
    timeout = 60

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            self._say(b"220 mx.test ESMTP")
            rcpts: list[str] = []
            while line := self.rfile.readline():
                verb = line[:4].upper()
                if verb == b"EHLO":
                    self._say(b"250-mx.test\r\n250-PIPELINING\r\n250 8BITMIME")
                elif verb == b"RCPT":
                    rcpt = line.decode().split("<")[1].split(">")[0]
                    answer = ANSWERS.get(rcpt.split("@")[0], b"250 ok")
                    self._say(answer)
                    rcpts += [rcpt] if answer.startswith(b"250") else []
                elif verb == b"DATA" and not rcpts:
                    self._say(b"554 no valid recipients")
                elif verb == b"DATA":
                    self._say(b"354 go")
                    if not self._message(rcpts):
                        return
                    rcpts = []
                else:
                    self._say(b"250 ok")

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")

    def _message(self, rcpts: list[str]) -> bool:
        octets = b""
        while not octets.endswith(b"\r\n.\r\n"):
            line = self.rfile.readline()
            if not line:  # the client is gone
                return False
            octets += line
        names = {rcpt.split("@")[0] for rcpt in rcpts}
        if "gone" in names:
            return False
        if "hold" in names:
            self.server.held.set()
            self.server.go.wait(60)
        self.server.taken.append((rcpts, octets[:-3]))
        self._say(b"250 2.0.0 queued as 77")
        return True
