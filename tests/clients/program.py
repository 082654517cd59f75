"""One agent's program, run with a home of its own and nothing else of whoever runs the tests."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.harness import Daemon

PATIENCE_S = 150


class Program:
    """`server`: the command, arguments and environment that clients start `aimx mcp` with."""

    def __init__(self, command: Path, node: Path, home: Path, daemon: Daemon) -> None:
        self.command, self.name = command, command.name
        self.home = home
        self.server = [sys.executable, "-m", "aimx.cli.main", "mcp"]
        self.server_env = {"AIMX_RUNTIME_DIR": str(daemon.run)}
        nowhere = "http://127.0.0.1:9"
        self.env = {
            "HOME": str(home),
            "PATH": f"{node}:{os.environ['PATH']}",
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "CI": "1",
            "http_proxy": nowhere,
            "https_proxy": nowhere,
            "no_proxy": "localhost,127.0.0.1",
            "MCP_INSPECTOR_SECRET_STORE": "memory",
            "CLAUDE_CODE_MCP_STARTUP_WAIT_MS": "100000",  # a loaded machine takes longer than it waits
            "MCP_CONNECTION_NONBLOCKING": "false",
            "MCP_TIMEOUT": "100000",
            "MCP_CONNECT_TIMEOUT_MS": "100000",
            **self.server_env,
        }

    def write(self, name: str, content: Any) -> Path:
        """A file of JSON in the home."""
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
        return path

    def run(self, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
        """Run it to its end."""
        return subprocess.run(
            [str(self.command), *words], env=self.env, cwd=self.home, input=said, capture_output=True, text=True,
            timeout=PATIENCE_S, check=False,
        )  # fmt: skip

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start it, with pipes."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            [str(self.command), *words], env=self.env, cwd=self.home, stdin=pipe, stdout=pipe,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
