"""The real program at the other end of two pipes: JSON-RPC, line by line, without any SDK."""

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import AbstractContextManager
from typing import Any

PATIENCE_S = 60.0
CLIENT = {"name": "peer", "version": "1"}
_PREFIX = "io.modelcontextprotocol"
META = {
    "legacy": {},
    "modern": {
        "_meta": {
            f"{_PREFIX}/protocolVersion": "2026-07-28",
            f"{_PREFIX}/clientInfo": CLIENT,
            f"{_PREFIX}/clientCapabilities": {},
        }
    },
}
INITIALIZE = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": CLIENT}


class Peer(AbstractContextManager["Peer"]):
    """`aimx mcp` with its pipes. `lines` hold what it said and nobody has heard."""

    def __init__(self, env: dict[str, str], *words: str, argv: tuple[str, ...] = ()) -> None:
        pipe = subprocess.PIPE
        argv = argv or (sys.executable, "-m", "aimx.cli.main", "mcp", *words)
        self.process = subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, stderr=pipe)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._ears = threading.Thread(target=self._listen, daemon=True)
        self._ears.start()
        self._number = 0
        self.errors = b""

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.end()
        for file in (self.process.stdin, self.process.stdout, self.process.stderr):
            assert file is not None
            file.close()

    def end(self) -> int:
        """Close its input; its exit code."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.wait()

    def wait(self) -> int:
        """Its exit code; `errors` is what it wrote to standard error."""
        assert self.process.stderr is not None
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._ears.join(PATIENCE_S)
        self.errors += self.process.stderr.read()
        return code

    def say(self, line: bytes) -> None:
        """One line, or several."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """The next line, which is JSON; None at the end."""
        line = self._lines.get(timeout=PATIENCE_S)
        return json.loads(line) if line else None

    def rest(self) -> list[Any]:
        """All that is still said, to the end."""
        found = []
        while (message := self.hear()) is not None:
            found.append(message)
        return found

    def request(self, method: str, era: str = "legacy", **params: Any) -> dict[str, Any]:
        """The message of a request."""
        self._number += 1
        return {"jsonrpc": "2.0", "id": self._number, "method": method, "params": {**params, **META[era]}}

    def ask(self, method: str, era: str = "legacy", **params: Any) -> Any:
        """A request and its answer."""
        self.say(encoded(self.request(method, era, **params)))
        return self.hear()

    def call(self, tool: str, era: str = "legacy", **arguments: Any) -> Any:
        """tools/call."""
        return self.ask("tools/call", era, name=tool, arguments=arguments)

    def greet(self) -> Any:
        """The handshake of the legacy era."""
        answer = self.ask("initialize", **INITIALIZE)
        self.say(b'{"jsonrpc":"2.0","method":"notifications/initialized"}')
        return answer


def encoded(message: Any) -> bytes:
    """A message as its line."""
    return json.dumps(message, ensure_ascii=False).encode()


def environment(runtime: object, **more: str) -> dict[str, str]:
    """This process's own, with that runtime directory."""
    return {**os.environ, "AIMX_RUNTIME_DIR": str(runtime), **more}
