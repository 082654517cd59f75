"""Postfix as a remote mail server: a private configuration and queue, mail to a Maildir. Needs root and namespaces.

Nothing of the system's own Postfix is read or touched, and no service of it needs to run.
"""

import subprocess
import time
from pathlib import Path

from tests.lab import world

SIZE_OCTETS = 200_000
LATER = "450 4.2.0 greylisted, come back later"
_USER, _NOBODY = "postfix", 65534
_MASTER = """
{address}:{port} inet n - n - - smtpd
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """One instance on one address, for one domain: `bob` exists, `later` is put off, all else is unknown."""

    def __init__(self, tree: Path, address: str, domain: str, pair: tuple[Path, Path] | None, port: int = 25) -> None:
        self.tree, self.address, self.domain, self.port = tree, address, domain, port
        self._etc, self._log = tree / "etc", tree / "log"
        self.mail = tree / "mail"
        for name in ("etc", "queue", "data", "mail"):
            (tree / name).mkdir(parents=True)
        world.shell("chown", _USER, str(tree / "data"))
        world.shell("chown", str(_NOBODY), str(self.mail))
        (self._etc / "master.cf").write_text(_MASTER.format(address=address, port=port))
        (self._etc / "main.cf").write_text(self._settings() + self.routing() + _tls(pair))
        self._process: subprocess.Popen[bytes] | None = None

    def _settings(self) -> str:
        return f"""compatibility_level = 3.6
maillog_file = {self._log}
maillog_file_prefixes = {self.tree}
queue_directory = {self.tree}/queue
data_directory = {self.tree}/data
mail_owner = {_USER}
myhostname = mx.{self.domain}
inet_interfaces = {self.address}
inet_protocols = ipv4
mynetworks =
mydestination =
alias_maps =
message_size_limit = {SIZE_OCTETS}
local_recipient_maps =
virtual_mailbox_domains = {self.domain}
virtual_mailbox_base = {self.mail}
virtual_minimum_uid = 1
virtual_uid_maps = static:{_NOBODY}
virtual_gid_maps = static:{_NOBODY}
"""

    def routing(self) -> str:
        """Which mailboxes there are, and what a recipient is asked."""
        boxes = " ".join(f"{{ {name}@{self.domain} = {name}/ }}" for name in ("bob", "later"))
        return f"""virtual_mailbox_maps = inline:{{ {boxes} }}
smtpd_recipient_restrictions =
  reject_unauth_destination
  check_recipient_access inline:{{ {{ later@{self.domain} = {LATER} }} }}
"""

    def start(self) -> None:
        """Run in the foreground of a process of ours. Raises: SystemExit."""
        self._process = subprocess.Popen(["postfix", "-c", str(self._etc), "start-fg"], stdout=2)
        if not world.until_open(self.address, self.port, self._process):
            raise SystemExit(f"Postfix does not answer on {self.address}: {self.log()}")

    @property
    def pid(self) -> int:
        """Of the process that all others descend from."""
        assert self._process is not None
        return self._process.pid

    def stop(self) -> None:
        """End it and everything it started."""
        if self._process is not None:
            subprocess.run(["postfix", "-c", str(self._etc), "stop"], timeout=60, check=False, stdout=2)
            self._process.wait(60)

    def log(self) -> str:
        """What it has logged so far."""
        return self._log.read_text() if self._log.exists() else ""

    def delivered(self, count: int, timeout_s: float = 30) -> list[bytes]:
        """Bob's mail, once there are so many; in the order of its arrival."""
        deadline = time.monotonic() + timeout_s
        folder = self.mail / "bob" / "new"
        while time.monotonic() < deadline:
            files = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime_ns) if folder.exists() else []
            if len(files) >= count:
                return [path.read_bytes() for path in files]
            time.sleep(0.05)
        raise SystemExit(f"no {count} mails came to bob@{self.domain}: {self.log()}")


def _tls(pair: tuple[Path, Path] | None) -> str:
    if pair is None:
        return "smtpd_tls_security_level = none\n"
    certificate, key = pair
    return f"""smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {certificate}
smtpd_tls_loglevel = 1
smtpd_tls_received_header = yes
"""
