"""A real daemon in a temporary tree, and what tests need around it."""

import os
import queue
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import pytest

from aimx.demo.zone import Zone, ZoneServer

DOMAIN = "agent.test"
START_S = 30.0


def config_text(mailboxes: str = "", top: str = "") -> str:
    """A configuration with the mailbox `ops` and further text."""
    return f'domain = "{DOMAIN}"\n{top}\n[mailboxes.ops]\naddress = "ops@{DOMAIN}"\nowner = "{owner()}"\n{mailboxes}\n'


def owner() -> str:
    """The account that owns test mailboxes: this process's own."""
    import pwd

    return pwd.getpwuid(os.getuid()).pw_name


class Daemon(AbstractContextManager["Daemon"]):
    """`aimx serve` on loopback. `log` collects its stderr lines; `port` is its SMTP port."""

    def __init__(self, tree: Path, config: str | None = None, zone: Zone | None = None, **env: str) -> None:
        self.tree = tree
        self.etc, self.data, self.run = tree / "etc", tree / "data", tree / "run"
        for directory in (self.etc, self.run):
            directory.mkdir(parents=True, exist_ok=True)
        self.write_config(config_text() if config is None else config)
        self.dns = ZoneServer(zone or {})
        self.env = {
            **os.environ,
            "AIMX_CONFIG_DIR": str(self.etc),
            "AIMX_DATA_DIR": str(self.data),
            "AIMX_RUNTIME_DIR": str(self.run),
            "AIMX_TEST_DNS": self.dns.address,
            **env,
        }
        self.log: list[str] = []
        self.arguments: list[str] = []
        self.wrapper: list[str] = []
        self.python = sys.executable
        self.module = "aimx.cli.main"
        self.process_group: int | None = None  # 0: one of its own, as a shell gives to a foreground job
        self._lines: queue.Queue[str | None] = queue.Queue()
        self.process: subprocess.Popen[str] | None = None
        self.port = 0

    @property
    def socket(self) -> Path:
        """The AIMX/1 socket."""
        return self.run / "aimx.sock"

    def write_config(self, text: str) -> None:
        """Replace config.toml."""
        (self.etc / "config.toml").write_text(text)

    def __enter__(self) -> "Daemon":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
        self.close()

    def close(self) -> None:
        """Release what outlives the process."""
        self.dns.close()

    def start(self) -> "Daemon":
        """Start and wait until it listens."""
        argv = [*self.wrapper, self.python, "-m", self.module, "serve", "--bind", "127.0.0.1:0", *self.arguments]
        self.process = subprocess.Popen(
            argv, env=self.env, stderr=subprocess.PIPE, text=True, errors="replace", process_group=self.process_group
        )
        self._lines = queue.Queue()
        self._collector = threading.Thread(target=self._collect, args=(self.process, self._lines), daemon=True)
        self._collector.start()
        line = self.wait_log("event=listening ")
        found = re.search(r"smtp=\S+:(\d+)", line)
        assert found, line
        self.port = int(found[1])
        return self

    def _collect(self, process: subprocess.Popen[str], lines: "queue.Queue[str | None]") -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.log.append(line.rstrip("\n"))
                lines.put(line)
        lines.put(None)

    def wait_log(self, text: str, timeout_s: float = START_S) -> str:
        """The next log line that contains `text`."""
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                pytest.fail(f"no log line with {text!r}:\n" + "\n".join(self.log[-40:]))
            if line is None:
                pytest.fail("the daemon ended:\n" + "\n".join(self.log[-40:]))
            if text in line:
                return line

    @property
    def pid(self) -> int:
        """The front's process id (below a wrapper such as strace: of its child)."""
        assert self.process is not None
        if not self.wrapper:
            return self.process.pid
        return psutil.Process(self.process.pid).children()[0].pid

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            os.kill(self.pid, number)
        try:
            code = self.process.wait(timeout=60)
            self._collector.join(10)
            return code
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def kill(self) -> None:
        """kill -9."""
        self.stop(signal.SIGKILL)

    def smtp(self) -> smtplib.SMTP:
        """A connected client after EHLO."""
        client = smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.test", timeout=60)
        client.ehlo()
        return client

    def send(self, octets: bytes, *rcpts: str, sender: str = "a@sender.test") -> None:
        """Deliver one message on a connection of its own."""
        with self.smtp() as client:
            client.sendmail(sender, list(rcpts) or [f"ops@{DOMAIN}"], octets)

    def messages(self, mailbox: str = "ops", folder: str = "inbox") -> list[Path]:
        """Message files, flat and bundled, in name order."""
        directory = self.data / folder / mailbox
        return sorted([*directory.glob("*.md"), *directory.glob("*/*.md")])


def mail(subject: str = "Hello", body: str = "Hi.\r\n", **headers: str) -> bytes:
    """A plain message with CRLF line ends."""
    fields = {"From": "a@sender.test", "To": f"ops@{DOMAIN}", "Subject": subject, **headers}
    return ("".join(f"{key}: {text}\r\n" for key, text in fields.items()) + "\r\n" + body).encode()
