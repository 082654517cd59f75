"""The demo's own process: owns the tree, the DNS zone, a remote mail server and the daemon.

It takes all of that away at the end: when its standard input ends (whoever started it finished, was interrupted or was
killed), on SIGTERM, or when the daemon ends. `keep` on standard input makes it go on until one of the last two.
As root it becomes the throw-away uid of the order as soon as the daemon has.
"""

import os
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import dns.message
import msgspec

from aimx import limits
from aimx.demo import tree as trees
from aimx.demo.mailserver import MailServer
from aimx.demo.zone import ZoneServer, answer
from aimx.effects import privileges
from aimx.effects.running import running
from aimx.errors import AimxError

LISTENING = re.compile(r"event=listening smtp=127\.0\.0\.1:(\d+) ")


class Order(msgspec.Struct, frozen=True):
    """What to set up. `uid`: whom to become, None when not root. `mail`: files of mail/. `key`: for DKIM."""

    uid: int | None
    zone: dict[str, dict[str, list[str]]]
    mail: dict[str, bytes]
    key: bytes = b""


class Report(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of standard output: a log line of the daemon, mail that came back, the tree once it listens, why not."""

    log: str = ""
    arrived: str = ""
    tree: str = ""
    port: int = 0
    daemon_pid: int = 0
    failed: str = ""


class Stage:
    """The loop: log lines out, end of input or signals in."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._kept = False
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._pending = b""
        self._tree: Path | None = None
        self._zone: ZoneServer | None = None
        self._mail_server: MailServer | None = None
        self._log: BinaryIO | None = None
        self._daemon: subprocess.Popen[bytes] | None = None
        self._wake_r, self._wake_w = socket.socketpair()
        for sock in (self._wake_r, self._wake_w):
            sock.setblocking(False)
        signal.set_wakeup_fd(self._wake_w.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self._ending = True

    def run(self) -> None:
        """Set up, serve, and leave nothing behind."""
        try:
            self._set_up()
            while not self._ending:
                self._turn(None)
        except (AimxError, OSError) as error:
            _report(Report(failed=str(error)))
        finally:
            self._clear()

    def _set_up(self) -> None:
        self._tree = tree = trees.create()
        self._log = (tree / "daemon.log").open("wb", buffering=0)
        trees.fill(tree, self._order.mail, self._order.key, self._order.uid)
        rehearse(self._order.zone)
        self._zone = ZoneServer(self._order.zone)
        self._mail_server = MailServer(tree / "answers", lambda path: _report(Report(arrived=str(path))))
        self._daemon = subprocess.Popen(
            self._command(), env=self._environment(tree), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, cwd="/",
        )  # fmt: skip
        assert self._daemon.stderr is not None
        self._selector.register(self._daemon.stderr, selectors.EVENT_READ, self._copy_log)
        self._selector.register(self._wake_r, selectors.EVENT_READ, self._wake)
        self._selector.register(0, selectors.EVENT_READ, self._listen)

    def _command(self) -> list[str]:
        argv = [*running().argv, "serve", "--bind", "127.0.0.1:0"]
        return argv if self._order.uid is None else [*argv, "--run-as", str(self._order.uid)]

    def _environment(self, tree: Path) -> dict[str, str]:
        assert self._zone is not None
        assert self._mail_server is not None
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C.UTF-8",
            "AIMX_CONFIG_DIR": str(tree / "etc"),
            "AIMX_DATA_DIR": str(tree / "data"),
            "AIMX_RUNTIME_DIR": str(tree / "run"),
            "AIMX_TEST_DNS": self._zone.address,
            "AIMX_TEST_MX_PORT": str(self._mail_server.port),
        }

    def _turn(self, timeout_s: float | None) -> None:
        for key, _ in self._selector.select(timeout_s):
            key.data()

    def _wake(self) -> None:
        self._wake_r.recv(4096)
        if self._daemon is not None and self._daemon.poll() is not None:
            self._ending = True

    def _listen(self) -> None:
        words = os.read(0, 4096)
        self._kept = self._kept or b"keep" in words
        if not words:
            self._selector.unregister(0)
            self._ending = self._ending or not self._kept

    def _copy_log(self) -> None:
        assert self._daemon is not None
        assert self._daemon.stderr is not None
        assert self._log is not None
        octets = os.read(self._daemon.stderr.fileno(), 65536)
        if not octets:
            self._selector.unregister(self._daemon.stderr)
            self._ending = True
            return
        self._log.write(octets)
        *lines, self._pending = (self._pending + octets).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            _report(Report(log=text))
            self._note_listening(text)

    def _note_listening(self, line: str) -> None:
        found = LISTENING.search(line)
        if found is None:
            return
        # The daemon has dropped by now; before, only root could have ended it.
        if self._order.uid is not None:
            privileges.become(self._order.uid, self._order.uid, ())
        assert self._daemon is not None
        _report(Report(tree=str(self._tree), port=int(found[1]), daemon_pid=self._daemon.pid))

    def _clear(self) -> None:
        if self._daemon is not None:
            self._end_daemon(self._daemon)
        if self._zone is not None:
            self._zone.close()
        if self._mail_server is not None:
            self._mail_server.close()
        if self._log is not None:
            self._log.close()
        if self._tree is not None:
            shutil.rmtree(self._tree, ignore_errors=True)

    def _end_daemon(self, daemon: subprocess.Popen[bytes]) -> None:
        """TERM, then KILL; the log's end says that its helpers and hooks are gone too."""
        assert daemon.stderr is not None
        for number in (signal.SIGTERM, signal.SIGKILL):
            if daemon.poll() is None:
                daemon.send_signal(number)
            deadline = time.monotonic() + limits.DEMO_END_S / 2
            while daemon.stderr in self._watched() and time.monotonic() < deadline:
                self._turn(max(0.0, deadline - time.monotonic()))
            if daemon.stderr not in self._watched():
                break
        daemon.wait()

    def _watched(self) -> set[object]:
        return {key.fileobj for key in self._selector.get_map().values()}


def rehearse(zone: dict[str, dict[str, list[str]]]) -> None:
    """Answer every question once: record types are imported at first use, which must come before the drop."""
    for name, records in zone.items():
        for rtype in records:
            answer(zone, dns.message.from_wire(dns.message.make_query(name, rtype).to_wire())).to_wire()
    answer(zone, dns.message.make_query("nowhere.invalid", "MX")).to_wire()


def _report(report: Report) -> None:
    """Tell whoever started us; nobody may be listening any more."""
    try:
        os.write(1, msgspec.json.encode(report) + b"\n")
    except BrokenPipeError:
        return


def main() -> None:
    """Entry point: the order is the first line of standard input."""
    line = bytearray()
    while not line.endswith(b"\n"):
        octets = os.read(0, 1)
        if not octets:
            sys.exit(1)
        line += octets
    Stage(msgspec.json.decode(line, type=Order)).run()


if __name__ == "__main__":
    main()
