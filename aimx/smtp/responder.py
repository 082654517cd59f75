"""What a server says that takes no mail: greeting, EHLO, QUIT. For those who want to know whether it is there."""

import re

_NAMES = re.compile(rb"(EHLO|HELO)(?:[ \t]|\Z)", re.IGNORECASE)
_QUIT = re.compile(rb"QUIT[ \t]*\Z", re.IGNORECASE)


class Responder:
    """`host`: the name it goes by. `greeting`: the words after it. `unknown`: the reply to everything else."""

    def __init__(self, host: str, greeting: str, unknown: str) -> None:
        self._host = host
        self._unknown = unknown
        self.greeting = f"220 {host} {greeting}\r\n".encode()

    def reply(self, line: bytes) -> bytes:
        """To one line, without its end."""
        if _NAMES.match(line):
            return f"250 {self._host}\r\n".encode()
        return b"221 Bye\r\n" if self.ends(line) else f"{self._unknown}\r\n".encode()

    def ends(self, line: bytes) -> bool:
        """Whether the session is over after the reply to it."""
        return _QUIT.match(line) is not None
