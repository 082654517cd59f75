"""aimx as an operator has it, on a machine: installed from a wheel, a service, three owners of mailboxes."""

import contextlib
import itertools
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.harness import DOMAIN, mail
from tests.systemd.machine import Machine
from tests.systemd.tree import VENV

AIMX = f"{VENV}/bin/aimx"
PROBE = "/usr/local/lib/aimx-test/probe.py"
PATIENCE_S = 60.0
OWNERS = ("alice", "bob", "root")
HOMES = {"alice": "/home/alice", "bob": "/srv/bob", "root": "/root"}

# Bob's group has another name than he, and he is in others too. Carol owns nothing and looks around.
_ACCOUNTS = """
set -e
groupadd readers && groupadd writers && groupadd desk
useradd --system --user-group --no-create-home --shell /usr/sbin/nologin aimx-worker
useradd --create-home --shell /bin/bash alice
useradd --create-home --shell /bin/sh --no-user-group --gid desk --groups readers,writers --home-dir /srv/bob bob
useradd --create-home carol
chmod 700 /home/alice /srv/bob /home/carol
mkdir --mode=1733 /var/log/aimx
for owner in alice bob root; do
    for folder in inbox sent; do
        install -d -m 755 /var/lib/aimx /var/lib/aimx/$folder
        install -d -m 700 -o $owner -g $(id -gn $owner) /var/lib/aimx/$folder/$owner
    done
done
"""
# The service as setup installs it.
_SERVICE = """
from pathlib import Path
import trio
from aimx.effects.running import running
from aimx.provision import initsystem, service
of = service.of(initsystem.detect())
trio.run(of.install, of.text(running().argv, Path("/etc/aimx"), Path("/var/lib/aimx")))
trio.run(of.start)
trio.run(service.ready, of, Path("/run/aimx/aimx.sock"), ("127.0.0.1", 25))
"""
# Daemons are killed here by the dozen.
_QUICK = "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestartSec=100ms\n"
# A name server that knows no name.
_NAMES = """
import socketserver
class Nothing(socketserver.BaseRequestHandler):
    def handle(self):
        query, socket = self.request
        end = 12
        while query[end]:
            end += query[end] + 1
        socket.sendto(query[:2] + bytes.fromhex("8183 0001 0000 0000 0000") + query[12 : end + 5], self.client_address)
socketserver.UDPServer(("127.0.0.1", 53), Nothing).serve_forever()
"""
_SEND = """
import smtplib, sys
octets = sys.stdin.buffer.read()
with smtplib.SMTP("127.0.0.1", 25, "client.test", timeout=60) as client:
    for _ in range(int(sys.argv[3])):
        client.sendmail(sys.argv[1], sys.argv[2:3], octets)
"""


def config(**more: str) -> str:
    """config.toml with a mailbox of each owner, by the owner's name."""
    top = "".join(f"{key} = {text}\n" for key, text in more.items())
    boxes = "".join(f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{name}"\n' for name in OWNERS)
    return f'domain = "{DOMAIN}"\n{top}{boxes}'


class Host:
    """One machine with a running daemon."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._names = itertools.count(1)

    def install(self, wheel: Path) -> None:
        """Offline: the tree has what aimx depends on."""
        name = f"/root/{wheel.name}"
        self.machine.write(name, wheel.read_bytes())
        pip = (f"{VENV}/bin/pip", "--disable-pip-version-check")
        self.machine.run(*pip, "install", "-q", "--no-index", name)
        self.machine.run(*pip, "check")
        self.machine.run("sh", "-c", _ACCOUNTS)
        self.machine.write("/etc/aimx/config.toml", config(), 0o640)
        self.machine.write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        self.machine.run("systemd-run", "--quiet", "--unit=names", "python3", "-c", _NAMES)
        self.machine.write(PROBE, Path(__file__).with_name("probe.py").read_bytes())
        self.machine.write("/run/systemd/system/aimx.service.d/quick.conf", _QUICK)
        self.machine.run(f"{VENV}/bin/python", "-I", "-c", _SERVICE)
        self.listening()

    # The daemon

    def main_pid(self) -> int:
        """The front's process id, as the machine counts; 0: there is none."""
        return int(self.machine.run("systemctl", "show", "-P", "MainPID", "aimx"))

    def listening(self) -> None:
        """Wait until the daemon of now serves mail and commands."""
        pid = self.main_pid()
        self.until(lambda: "event=listening " in self.machine.journal("-u", "aimx", f"_PID={pid}"), "it listens")

    def restart(self, **environment: str) -> None:
        """Another daemon, with variables of its own."""
        lines = "".join(f'Environment="{name}={text}"\n' for name, text in environment.items())
        self.machine.write("/run/systemd/system/aimx.service.d/test.conf", f"[Service]\n{lines}")
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "restart", "aimx")
        self.listening()

    def configure(self, **more: str) -> None:
        """Another config.toml, in force when this returns. Hooks that were created are gone."""
        self.machine.write("/etc/aimx/config.toml", config(**more), 0o640)
        self.restart()

    def configure_with(self, mailboxes: str) -> None:
        """As `configure`, with further mailboxes as they stand in config.toml."""
        self.machine.write("/etc/aimx/config.toml", config() + mailboxes, 0o640)
        self.restart()

    def until(self, is_so: Callable[[], object], what: str) -> None:
        """Wait for a condition."""
        deadline = time.monotonic() + PATIENCE_S
        while not is_so():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {PATIENCE_S:.0f} s: {what}\n{self.machine.journal('-n', '60')}")
            time.sleep(0.1)

    # Its users

    def aimx(self, *words: str, user: str | None = None) -> str:
        """A command of the installed program."""
        return self.machine.run(AIMX, *words, user=user)

    @contextlib.contextmanager
    def hook(self, owner: str, *cmd: str, timeout_s: int = 60) -> Iterator[str]:
        """The name of a hook on the owner's mailbox, which the owner creates; gone afterwards."""
        name = f"h{next(self._names)}"
        user = None if owner == "root" else owner
        self.aimx(
            "hooks", "create", "--mailbox", owner, "--event", "on_receive", "--name", name, "--fire-on-untrusted",
            "--timeout-secs", str(timeout_s), "--cmd", json.dumps(cmd), user=user,
        )  # fmt: skip
        try:
            yield name
        finally:
            self.aimx("hooks", "delete", "--yes", name, user=user)

    def send(self, mailbox: str, octets: bytes = b"", times: int = 1) -> None:
        """Mail over SMTP."""
        self.machine.run(
            "python3", "-c", _SEND, "a@sender.test", f"{mailbox}@{DOMAIN}", str(times), stdin=octets or mail()
        )

    def runs(self, hook: str) -> list[dict[str, Any]]:
        """What `aimx hooks runs` knows of it, the newest first."""
        return json.loads(self.aimx("hooks", "runs", "--hook", hook, "--json"))

    def units(self) -> str:
        """Units of hooks that systemd knows."""
        return self.machine.run("systemctl", "list-units", "--all", "--full", "--plain", "--no-legend", "aimx-hook-*")

    def processes(self, user: str) -> str:
        """What runs as this user, wherever it was started."""
        return self.machine.run("sh", "-c", f"find /proc/[0-9]* -maxdepth 0 -user {user} 2>/dev/null", check=False)

    def run_of(self, hook: str) -> dict[str, Any]:
        """Its only run, once it has ended."""
        self.until(lambda: [run["ended"] for run in self.runs(hook) if run["ended"]], f"{hook} ran")
        (run,) = self.runs(hook)
        return run

    def line_of(self, hook: str) -> str:
        """The guide's log line of its only run."""
        lines = self.machine.journal("-u", "aimx").splitlines()
        (line,) = [line for line in lines if f"hook_name={hook} " in line and " exit_code=" in line]
        return line

    def fire(self, owner: str, *cmd: str, timeout_s: int = 60, octets: bytes = b"") -> tuple[str, dict[str, Any]]:
        """A hook that is created, gets one mail, and has ended. Returns: its name and its run."""
        with self.hook(owner, *cmd, timeout_s=timeout_s) as name:
            self.send(owner, octets)
            return name, self.run_of(name)

    def probe(self, owner: str, *words: str, octets: bytes = b"") -> "Probed":
        """What a hook of this owner sees."""
        report = f"{HOMES[owner]}/report-{next(self._names)}.json"
        hook, run = self.fire(owner, "/usr/bin/python3", "-I", PROBE, report, *words, octets=octets)
        assert run["exit_code"] == 0, run
        return Probed(hook, run, json.loads(self.machine.file(report).read_text()))


class Probed:
    """A hook that looked around: its name, its run, its report."""

    def __init__(self, hook: str, run: dict[str, Any], report: dict[str, Any]) -> None:
        self.hook, self.run, self.report = hook, run, report

    def __getitem__(self, key: str) -> Any:
        return self.report[key]
