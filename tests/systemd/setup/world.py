"""Three hosts on one wire: the machine under test, a name server, an internet. All of it ends with the tests."""

import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import psutil
import pytest

from tests.systemd.machine import Machine
from tests.systemd.setup.names import Names, Row
from tests.systemd.setup.places import AUTHORITY, MX, OURS, RESOLVER, VERIFIER

PATIENCE_S = 120.0
_UNSHARE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
            "--mount-proc")  # fmt: skip


def until(is_so, what, more=lambda: ""):
    """Wait for a condition; its value."""
    deadline = time.monotonic() + PATIENCE_S
    while not (value := is_so()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {PATIENCE_S:.0f} s: {what}\n{more()}")
        time.sleep(0.05)
    return value


class Space:
    """A process that holds namespaces; `pid` is its first one inside."""

    def __init__(self, *argv: str) -> None:
        self.process = subprocess.Popen([*_UNSHARE, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.pid = until(self._child, "there are namespaces")

    def _child(self) -> int:
        with suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.process.pid).children():
                return child.pid
        return 0

    def run(self, *argv: str) -> str:
        """A program of this host inside."""
        enter = ("nsenter", "-t", str(self.pid), "-n", "-m")
        done = subprocess.run([*enter, *argv], capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    def end(self) -> None:
        """With all that is in it."""
        self.process.kill()
        self.process.communicate()


class World(AbstractContextManager["World"]):
    """Wires the machine at entry."""

    def __init__(self, machine: Machine, directory: Path) -> None:
        self.machine, self._directory = machine, directory
        self.inside: Space | None = None
        self.names: Names | None = None
        self._wire: Space | None = None

    def __enter__(self) -> "World":
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.names is not None:
            self.names.stop()
        for space in (self.inside, self._wire):
            if space is not None:
                space.end()

    def _build(self) -> None:
        self._wire = dns = Space("sleep", "infinity")
        dns.run("ip", "link", "set", "lo", "up")
        serve = f'read go; exec {sys.executable} -m tests.systemd.setup.internet "$0"'
        self.inside = internet = Space("sh", "-c", serve, str(self._directory))
        for words in (("set", "lo", "up"), ("add", "br0", "type", "bridge"), ("set", "br0", "up")):
            internet.run("ip", "link", *words)
        for address in (MX, VERIFIER):
            internet.run("ip", "address", "add", f"{address}/24", "dev", "br0")
        self._plug("names", dns.pid, RESOLVER, AUTHORITY)
        self.names = Names(self._directory, dns.pid)
        self.wire()
        assert internet.process.stdin is not None and internet.process.stdout is not None
        internet.process.stdin.write(b"go\n")
        internet.process.stdin.flush()
        assert internet.process.stdout.readline() == b"ready\n", (self._directory / "verifier.log").read_text()

    def _plug(self, name: str, pid: int, *addresses: str) -> None:
        """A wire from the internet's bridge into the namespace of another process."""
        assert self.inside is not None
        self.inside.run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(pid))
        self.inside.run("ip", "link", "set", name, "master", "br0", "up")
        inside = ("nsenter", "-t", str(pid), "-n", "ip")
        for address in addresses:
            subprocess.run([*inside, "address", "add", f"{address}/24", "dev", "eth0"], check=True)
        subprocess.run([*inside, "link", "set", "eth0", "up"], check=True)

    def wire(self) -> None:
        """Give the machine its network, and the only resolver that there is; again after it has been booted."""
        self._plug(f"machine{self.machine.pid}", self.machine.pid, OURS)
        enter = ("nsenter", "-t", str(self.machine.pid), "-n", "ip")
        subprocess.run([*enter, "route", "add", "default", "via", MX], check=True)
        self.machine.write("/etc/resolv.conf", f"nameserver {RESOLVER}\n")

    def names_now(self, rows: Iterable[Row]) -> None:
        """What the zones say from now on."""
        assert self.names is not None
        self.names.publish(rows)

    def mailbox_of_bob(self) -> Path:
        """Where Postfix puts his mail."""
        return self._directory / "postfix/mail/bob/new"
