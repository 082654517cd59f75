"""A client of WATCH that reads at its own pace."""

import contextlib
import json
import socket
from pathlib import Path
from typing import Any

from aimx.wire import codec
from aimx.wire.frames import Watch

HEAD = b"AIMX/1 OK\nContent-Type: application/x-ndjson\n\n"
PATIENCE_S = 30.0


class Watcher(contextlib.AbstractContextManager["Watcher"]):
    """One connection. `cursor` is that of the last line it has seen."""

    def __init__(self, path: Path, after: str | None = None, mailbox: str | None = None) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(PATIENCE_S)
        self._socket.connect(str(path))
        self._socket.sendall(codec.encode_request(Watch(after, mailbox)))
        self._socket.shutdown(socket.SHUT_WR)
        self._file = self._socket.makefile("rb")
        self.head = b"".join(iter(self._file.readline, b"\n")) + b"\n"
        self.cursor = after or ""
        if self.head == HEAD:
            self.hello = self.line()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Hang up."""
        self._file.close()
        self._socket.close()

    def line(self) -> dict[str, Any] | None:
        """The next line; None at the end."""
        octets = self._file.readline()
        if not octets.endswith(b"\n"):
            return None
        told = json.loads(octets)
        self.cursor = told["cursor"]
        return told

    def event(self) -> dict[str, Any] | None:
        """The next line that is no heartbeat."""
        while (told := self.line()) is not None:
            if told["type"] != "heartbeat":
                return told
        return None

    def events(self, kind: str, count: int) -> list[dict[str, Any]]:
        """The next events of a kind."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            told = self.event()
            assert told is not None, f"the stream ended after {len(found)} of {count}"
            if told["type"] == kind:
                found.append(told)
        return found
