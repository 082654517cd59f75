"""Postfix with OpenDKIM as a milter that verifies, mail to Maildirs: a private instance, by process id, on loopback.

Nothing of the system's own Postfix or OpenDKIM is read or touched.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from aimx.demo.zone import Zone
from tests.bench.corpus import MAILBOXES
from tests.harness import DOMAIN
from tests.lab.postfix import Postfix

PROGRAMS = ("postfix", "opendkim")
_PATIENCE_S = 30.0
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
# InternalHosts: whose mail is not verified; by default loopback. TestPublicKeys: instead of the DNS, because OpenDKIM
# 2.11 with libunbound dies of a protection fault when ten connections ask at once; it spares it the questions.
_MILTER = """Mode v
Socket local:{tree}/milter
UMask 000
InternalHosts 192.0.2.1
AuthservID {domain}
TestPublicKeys {tree}/keys
Background no
Syslog no
"""


def missing() -> str:
    """Why it cannot be measured here; empty when it can."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    return f"{' and '.join(absent)} not installed" if absent else ""


class Receiver(Postfix):
    """The same as the lab's, for the mailboxes of the bench, behind a milter at that socket."""

    def __init__(self, tree: Path, port: int, milter: Path) -> None:
        self.milter = milter
        super().__init__(tree, "127.0.0.1", DOMAIN, None, port)

    def routing(self) -> str:
        """Each mailbox a Maildir."""
        boxes = " ".join(f"{{ {name}@{DOMAIN} = {name}/ }}" for name in MAILBOXES)
        return f"""virtual_mailbox_maps = inline:{{ {boxes} }}
smtpd_milters = unix:{self.milter}
milter_default_action = tempfail
smtpd_client_connection_count_limit = 0
"""


@contextlib.contextmanager
def running(tree: Path, zone: Zone) -> Iterator[tuple[Receiver, list[int]]]:
    """Both, and their process ids."""
    tree.mkdir(parents=True)
    milter = tree / "milter"  # by TCP each command waits for an acknowledgement that is delayed
    keys = [f"{name} {records['TXT'][0]}\n" for name, records in zone.items() if "._domainkey." in name]
    (tree / "keys").write_text("".join(keys))
    (tree / "opendkim.conf").write_text(_MILTER.format(domain=DOMAIN, tree=tree))
    argv = [shutil.which("opendkim", path=_PATH) or "opendkim", "-f", "-x", str(tree / "opendkim.conf")]
    with subprocess.Popen(argv) as opendkim:
        postfix = Receiver(tree / "postfix", free_port(), milter)
        try:
            if not _listens(milter, opendkim):
                raise SystemExit("OpenDKIM does not answer")
            postfix.start()
            yield postfix, [postfix.pid, opendkim.pid]
        finally:
            opendkim.kill()  # it holds nothing
            postfix.stop()


def _listens(path: Path, process: "subprocess.Popen[bytes]") -> bool:
    """Once somebody answers there; False when it ends before, or patience is over."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError):
            probe.connect(str(path))
            return True
        time.sleep(0.05)
    return False


def free_port() -> int:
    """One of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
