"""`aimx mcp` as a process, spoken to in raw JSON-RPC; whatever it says has to be the protocol."""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

PATIENCE_S = 120.0
CLIENT = {"name": "talk", "version": "1"}
MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
LEGACY = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT}


class Talk(AbstractContextManager["Talk"]):
    """A session. `told`: the notifications so far; `octets`: how long the longest line was; `last`: the last one."""

    def __init__(self, env: Mapping[str, str], argv: Sequence[str] = (), era: str = "modern") -> None:
        self.argv = list(argv) or [sys.executable, "-m", "aimx.cli.main", "mcp"]
        self.meta = {"_meta": MODERN} if era == "modern" else {}
        self.told: list[dict[str, Any]] = []
        self.octets = 0
        self.last = b""
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(self.argv, env=dict(env), stdin=pipe, stdout=pipe)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._answers: dict[int, dict[str, Any]] = {}
        self._number = 0
        threading.Thread(target=self._collect, daemon=True).start()
        if era != "modern":
            self.request("initialize", **LEGACY)
            self._write({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def __exit__(self, *_: object) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            assert self.process.wait(PATIENCE_S) == 0
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()

    def _collect(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _write(self, message: Mapping[str, Any]) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps(message).encode() + b"\n")
        self.process.stdin.flush()

    def begin(self, method: str, /, **params: Any) -> int:
        """Send a request; its number."""
        self._number += 1
        self._write({"jsonrpc": "2.0", "id": self._number, "method": method, "params": params | self.meta})
        return self._number

    def _take(self, deadline: float) -> None:
        """One line."""
        line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
        assert line.endswith(b"\n"), f"it ended: {line!r}"
        self.last, self.octets = line, max(self.octets, len(line))
        message = json.loads(line)
        assert message["jsonrpc"] == "2.0"
        assert len(message.keys() & {"result", "error", "method"}) == 1, message
        if "method" in message:
            assert "id" not in message, message
            self.told.append(message)
        else:
            assert message["id"] not in self._answers
            self._answers[message["id"]] = message

    def answer(self, number: int) -> dict[str, Any]:
        """The whole answer to a request."""
        deadline = time.monotonic() + PATIENCE_S
        while number not in self._answers:
            self._take(deadline)
        return self._answers.pop(number)

    def hear(self, method: str, /, **params: Any) -> None:
        """Wait until such a notification came."""
        deadline = time.monotonic() + PATIENCE_S
        while not any(one["method"] == method and params.items() <= one.get("params", {}).items() for one in self.told):
            self._take(deadline)

    def request(self, method: str, /, **params: Any) -> dict[str, Any]:
        """A request and its answer."""
        return self.answer(self.begin(method, **params))

    def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        """tools/call."""
        return self.request("tools/call", name=tool, arguments=arguments)


def environment(runtime: os.PathLike[str] | str) -> dict[str, str]:
    """For a server of the daemon there."""
    return {**os.environ, "AIMX_RUNTIME_DIR": str(runtime)}
