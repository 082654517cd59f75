"""Run one file of fixtures/dialogs against a server.

`C: text` sends a line, `RAW: text` octets with escapes (\\r \\n \\0 \\xNN \\\\), `TIMES: n text` the same n times;
client lines that follow each other leave in one segment. `S: pattern` is the next line of a reply, `*` stands for
anything. `HELLO` is EHLO with its whole answer, `LETTER: text` a small message up to its end, unlike every other when
no text is given. `TLS` is a handshake, `EOF` half-closes, `RST` resets, `CLOSED` expects the server to close,
`STORED: n` counts the messages stored since the dialog began.
"""

import itertools
import re
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

_unique = itertools.count()
REPLY_S = 40.0


def unescape(text: str) -> bytes:
    """Octets of a RAW line."""
    return text.encode().decode("unicode_escape").encode("latin-1")


class Dialog:
    """One connection and what is to be said on it."""

    def __init__(self, address: tuple[str, int], stored: Callable[[], int]) -> None:
        self._socket: socket.socket = socket.create_connection(address, timeout=REPLY_S)
        self._stored = stored
        self._before = stored()
        self._in = b""
        self._out = b""

    def close(self) -> None:
        """Leave without a word."""
        self._socket.close()

    def run(self, script: Path) -> None:
        """Every line of the file in turn; AssertionError names the line that did not hold."""
        assert script.read_text().startswith("# "), "a dialog says what it shows"
        for number, line in enumerate(script.read_text().splitlines(), 1):
            if not line or line.startswith("#"):
                continue
            word, _, rest = line.partition(":")
            rest = rest.removeprefix(" ")
            try:
                getattr(self, f"do_{word}")(rest)
            except (AssertionError, OSError) as error:
                raise AssertionError(f"{script.name}:{number}: {line}: {error}") from error
        self._flush()

    def _flush(self) -> None:
        if self._out:
            octets, self._out = self._out, b""
            self._socket.sendall(octets)

    def _line(self) -> str:
        self._flush()
        while b"\r\n" not in self._in:
            octets = self._socket.recv(65536)
            if not octets:
                raise AssertionError(f"closed after {self._in!r}")
            self._in += octets
        line, _, self._in = self._in.partition(b"\r\n")
        return line.decode()

    def do_C(self, text: str) -> None:
        self._out += text.encode() + b"\r\n"

    def do_RAW(self, text: str) -> None:
        self._out += unescape(text)

    def do_TIMES(self, text: str) -> None:
        count, _, octets = text.partition(" ")
        self._out += unescape(octets) * int(count)

    def do_S(self, pattern: str) -> None:
        line = self._line()
        assert re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), line), f"got {line}"

    def do_HELLO(self, _: str) -> None:
        self.do_C("EHLO client.test")
        while (line := self._line()).startswith("250-"):
            pass
        assert line.startswith("250 "), f"got {line}"

    def do_LETTER(self, text: str) -> None:
        text = text or f"Number {next(_unique)}."
        self._out += f"From: a@sender.test\r\nSubject: letter\r\n\r\n{text}\r\n.\r\n".encode()

    def do_TLS(self, _: str) -> None:
        self._flush()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._socket = context.wrap_socket(self._socket)

    def do_EOF(self, _: str) -> None:
        self._flush()
        self._socket.shutdown(socket.SHUT_WR)

    def do_RST(self, _: str) -> None:
        self._flush()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def do_CLOSED(self, _: str) -> None:
        self._flush()
        assert not self._in, f"got {self._in!r}"
        assert (octets := self._socket.recv(65536)) == b"", f"got {octets!r}"

    def do_STORED(self, count: str) -> None:
        self._flush()
        assert self._stored() - self._before == int(count)
