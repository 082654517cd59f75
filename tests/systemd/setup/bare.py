"""A host before setup and after it: what its operator types there, and what others see of it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.mailauth import signing
from tests.systemd.machine import Machine
from tests.systemd.setup.dialogue import Dialogue
from tests.systemd.setup.names import Row
from tests.systemd.setup.places import BOB, DOMAIN, MX, OURS, PEER, VERIFY_HOST
from tests.systemd.setup.world import World, until
from tests.systemd.tree import VENV

AIMX = f"{VENV}/bin/aimx"
_SEND = """
import smtplib, sys
with smtplib.SMTP(sys.argv[1], 25, sys.argv[4], timeout=60, source_address=(sys.argv[5], 0)) as client:
    client.starttls()
    client.sendmail(sys.argv[2], [sys.argv[3]], sys.stdin.buffer.read())
"""
_JUDGE = """
import sys
from authheaders import authenticate_message
octets = sys.stdin.buffer.read()
print(authenticate_message(octets, "j.test", spf=True, dkim=True, dmarc=True, ip=sys.argv[1], mail_from=sys.argv[2],
                           helo=sys.argv[3]))
"""
# What setup and the operator have made; the program stays.
_WIPE = """
systemctl stop aimx; systemctl reset-failed aimx
rm -rf /etc/systemd/system/aimx.service* /etc/systemd/system/*.wants/aimx.service
rm -rf /etc/aimx /var/lib/aimx /etc/ssl/aimx /var/log/aimx
userdel aimx-worker; userdel aimx-catchall
systemctl daemon-reload
"""


class Bare:
    """The machine, and whoever works at it."""

    def __init__(self, machine: Machine, world: World) -> None:
        self.machine, self.world = machine, world

    def install(self, wheel: Path) -> None:
        """The program and a user who is nobody special."""
        self.machine.write(f"/root/{wheel.name}", wheel.read_bytes())
        self.machine.run(f"{VENV}/bin/pip", "install", "-q", "--no-index", "--no-deps", f"/root/{wheel.name}")
        self.machine.run("useradd", "--create-home", "alice")

    def wipe(self) -> None:
        """Nothing has ever been set up here."""
        self.machine.run("sh", "-c", _WIPE, check=False)
        self.world.names_now(())

    def setup(self, *words: str) -> Dialogue:
        """The wizard by plain questions."""
        return Dialogue(self.machine, AIMX, "setup", "--plain", "--verify-host", VERIFY_HOST, *words)

    def unattended(self, *words: str) -> str:
        """With nobody there, and without the internet; what it says, its exit code last."""
        script = 'AIMX_NONINTERACTIVE=1 "$@" 2>&1; echo "exit $?"'
        return self.machine.run("sh", "-c", script, "sh", AIMX, "setup", "--skip-preflight", *words)

    def aimx(self, *words: str, user: str | None = None, check: bool = True) -> str:
        """Any command."""
        return self.machine.run(AIMX, *words, user=user, check=check)

    def active(self) -> bool:
        """Whether the service runs."""
        return self.machine.run("systemctl", "is-active", "aimx", check=False) == "active"

    def state(self, *paths: str) -> str:
        """Mode, owner and name of files; nothing for one that is not there."""
        return self.machine.run("sh", "-c", 'stat -c "%a %U:%G %n" "$@" 2>/dev/null || true', "sh", *paths)

    def serves(self) -> bool:
        """A daemon answers, as the internet sees it."""
        script = f"import smtplib; smtplib.SMTP({OURS!r}, 25, timeout=20).quit()"
        return self._abroad(script) == 0

    def _abroad(self, script: str, *words: str, stdin: bytes = b"") -> int:
        assert self.world.inside is not None
        enter = ("nsenter", "-t", str(self.world.inside.pid), "-n", "-m")
        argv = [*enter, sys.executable, "-c", script, *words]
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=100).returncode

    def mail_in(self, to: str, subject: str) -> None:
        """Signed mail of Bob's, over TLS, from the server that his domain names."""
        octets = signing.message(f"Bob <{BOB}>".encode()).replace(b" Hello\r\n folded  subject", f" {subject}".encode())
        octets = octets.replace(b"ops@agent.test", to.encode())
        signed = signing.sign(octets, d=PEER, s="s")
        assert self._abroad(_SEND, OURS, BOB, to, f"mx.{PEER}", MX, stdin=signed) == 0

    def mail_out(self, sender: str, subject: str) -> str:
        """A mail of Alice's to Bob: what authheaders thinks of what Postfix has delivered."""
        folder = self.world.mailbox_of_bob()
        before = set(folder.iterdir()) if folder.exists() else set()
        self.aimx("send", "--from", sender, "--to", BOB, "--subject", subject, "--body", "**Hello** Bob", user="alice")
        found = until(lambda: folder.exists() and set(folder.iterdir()) - before, "Bob has mail")
        (file,) = found
        octets = file.read_bytes()
        assert f"Subject: {subject}".encode() in octets
        assert self.world.inside is not None
        enter = ("nsenter", "-t", str(self.world.inside.pid), "-n", "-m")
        argv = [*enter, sys.executable, "-c", _JUDGE, OURS, sender, sender.partition("@")[2]]
        wire = octets.replace(b"\n", b"\r\n")
        return subprocess.run(argv, input=wire, capture_output=True, timeout=100, check=True).stdout.decode()

    def emails(self, mailbox: str, user: str | None = None) -> list[dict[str, Any]]:
        """What lies in its inbox."""
        found = json.loads(self.aimx("emails", "list", mailbox, "--json", user=user))
        return found["emails"] if isinstance(found, dict) else found


def shown(said: str, domain: str = DOMAIN) -> list[Row]:
    """The records that setup asks for, copied from what it shows."""
    table = said.partition("TYPE ")[2].partition("\n\n")[0].splitlines()[1:]
    rows = [line.split(None, 2) for line in table]
    assert all(name.endswith(domain) for _, name, _ in rows), said
    return [(rtype, name, value.strip()) for rtype, name, value in rows]
