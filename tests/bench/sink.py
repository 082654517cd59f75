"""The remote mail server of the bench: a process of its own that keeps nothing, and takes everything but what is for
`refused@` or, now, for `later@`.

`python -m tests.bench.sink [FILE]`: prints its port, then serves until its standard input ends. The file gets a line
for every message that was taken: its subject.
"""

import os
import socketserver
import sys
import threading

_REPLIES = {
    b"EHLO": b"250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 30000000\r\n",
    b"DATA": b"354 go\r\n",
    b"QUIT": b"221 bye\r\n",
}

_RECIPIENTS = {b"REFUSED@": b"550 5.1.1 nobody of that name\r\n", b"LATER@SI": b"451 4.3.0 not now\r\n"}

_taken: int | None = None  # the descriptor of the file


class Session(socketserver.StreamRequestHandler):
    """One connection."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer by the table."""
        self.wfile.write(b"220 sink.test\r\n")
        recipients = 0
        while line := self.rfile.readline(65536):
            verb = line[:4].upper()
            reply = _REPLIES.get(verb, b"250 ok\r\n")
            if verb == b"MAIL":
                recipients = 0
            if verb == b"RCPT":
                reply = _RECIPIENTS.get(line.upper().partition(b"<")[2][:8], reply)
                recipients += reply.startswith(b"2")
            if verb == b"DATA" and not recipients:
                verb, reply = b"", b"554 5.5.1 nobody to take it for\r\n"
            self.wfile.write(reply)
            if verb == b"DATA":
                self._take()
                self.wfile.write(b"250 taken\r\n")
            if verb == b"QUIT":
                return

    def _take(self) -> None:
        subject = b"\n"
        while (line := self.rfile.readline(65536)) not in (b".\r\n", b""):
            if line.startswith(b"Subject: "):
                subject = line.removeprefix(b"Subject: ").replace(b"\r\n", b"\n")
        if line and _taken is not None:
            os.write(_taken, subject)


class Server(socketserver.ThreadingTCPServer):
    """A thread per connection."""

    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    if sys.argv[1:]:
        _taken = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with Server(("127.0.0.1", 0), Session) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(server.server_address[1], flush=True)
        sys.stdin.read()
        server.shutdown()
