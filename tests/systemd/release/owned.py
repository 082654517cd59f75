"""What an operator does with releases on a machine, and the mail that must not suffer from it."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.systemd.release.bundles import BASE, PORT
from tests.systemd.setup.bare import Bare
from tests.systemd.setup.places import BOB, DOMAIN, OURS, PEER, VERIFY_HOST
from tests.systemd.setup.world import until

PROGRAM = "/usr/local/bin/aimx"
_ROOT = "/srv/releases"
_NUMBER = re.compile(r'^subject = "number (\d+) of many"$', re.MULTILINE)
_CLEAR = f"""
systemctl stop releases
rm -rf {_ROOT} {PROGRAM}* /usr/local/lib/aimx
"""


class Owned:
    """The machine, with a server of releases on its loopback."""

    def __init__(self, bare: Bare, releases: Path) -> None:
        self.bare, self.machine = bare, bare.machine
        self._releases = releases
        for path in sorted(releases.rglob("*")):
            if path.is_file() and path.suffix not in (".whl", ".deb"):
                self.machine.write(f"{_ROOT}/{path.relative_to(releases)}", path.read_bytes())
        self.serve()

    def serve(self) -> None:
        """On the machine itself; again after it has been booted."""
        server = ("python3", "-m", "http.server", "-d", _ROOT, "-b", "127.0.0.1", str(PORT))
        self.machine.run("systemd-run", "--quiet", "--collect", "--unit=releases", *server)
        until(lambda: self.shell(f"curl -fs -o /dev/null {BASE}/latest.json; echo $?") == "0", "releases are served")

    def clear(self) -> None:
        """None of it."""
        self.machine.run("sh", "-c", _CLEAR, check=False)

    def latest(self, tag: str) -> None:
        """Publish that one."""
        self.machine.write(f"{_ROOT}/latest.json", (self._releases / f"tag-{tag}.json").read_bytes())

    def shell(self, script: str, check: bool = True) -> str:
        """What root types; where releases are told of is set."""
        return self.machine.run("env", f"AIMX_RELEASE_MANIFEST_URL={BASE}/latest.json", "sh", "-c", script, check=check)

    def one_liner(self, *words: str) -> str:
        """The installer as the guide has it, with nobody at the terminal."""
        options = " ".join(("--domain", DOMAIN, "--verify-host", VERIFY_HOST, *words))
        script = f"curl -fsSL {BASE}/install.sh | AIMX_NONINTERACTIVE=1 sh -s -- {options} 2>&1"
        return self.shell(f'{script}; echo "exit $?"')

    def version(self) -> str:
        """Of the program."""
        return self.shell(f"{PROGRAM} --version").split()[5]

    def serving(self) -> str:
        """The version of the daemon that answers."""
        told = self.shell(f"{PROGRAM} doctor --json", check=False)
        return str(json.loads(told)["service"]["server"]["tag"])

    def numbers(self) -> list[int]:
        """Of the mails that are stored."""
        folder = self.machine.file("/var/lib/aimx/inbox/hi")
        return [int(match[1]) for file in folder.glob("*.md") for match in [_NUMBER.search(file.read_text())] if match]

    @contextmanager
    def mail_keeps_coming(self) -> Iterator[dict[str, Any]]:
        """Mails from the internet all the while; what its server says of them is there at the end."""
        inside = self.bare.world.inside
        assert inside is not None
        enter = ("nsenter", "-t", str(inside.pid), "-n", "-m", f"--wd={os.getcwd()}")
        argv = [*enter, sys.executable, "-m", "tests.systemd.release.sender", OURS, f"mx.{PEER}", BOB, f"hi@{DOMAIN}"]
        argv.append(str(max(self.numbers(), default=0) + 1000))  # what nobody was told of last time is no repeat
        pipe = subprocess.PIPE
        told: dict[str, Any] = {}
        with subprocess.Popen(argv, stdin=pipe, stdout=pipe) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == b"ready\n"
                before = len(self.numbers())
                until(lambda: len(self.numbers()) > before + 10, "mail comes")
                yield told
                after = len(self.numbers())
                until(lambda: len(self.numbers()) > after + 10, "mail still comes")
                out, _ = process.communicate(timeout=300)
                told.update(json.loads(out))
            finally:
                process.kill()
