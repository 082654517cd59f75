"""The daemon of a soak, its remote mail server, and what both say afterwards."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import AbstractContextManager, closing
from pathlib import Path

import msgspec

from tests.bench import corpus, gauge
from tests.harness import DOMAIN, Daemon, owner
from tests.mailauth import signing

_DISTINCT, _OCTETS = 500, 4000
_PATIENCE_S = 300.0
HOOKED = corpus.MAILBOXES[1]


class Stand(AbstractContextManager["Stand"]):
    """Runs from entry to exit."""

    def __init__(self, tree: Path) -> None:
        made = corpus.Corpus()
        self._sink = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._sink.stdout is not None
        port = self._sink.stdout.readline().strip()
        zone = made.zone() | {"sink.test": {"MX": ["10 mx.sink.test."]}, "mx.sink.test": {"A": ["127.0.0.1"]}}
        self._ran = tree / "ran"
        self.daemon = Daemon(tree / "daemon", _configuration(self._ran), zone, AIMX_TEST_MX_PORT=port)
        signing.install(self.daemon.etc)
        file = tree / "corpus"
        file.write_bytes(msgspec.msgpack.encode(made.messages(_OCTETS, _DISTINCT, corpus.alternative)))
        self.corpus_file = str(file)

    def __enter__(self) -> "Stand":
        self.daemon.start()
        while len(gauge.helpers(self.daemon.log)) <= len(os.sched_getaffinity(0)):
            self.daemon.wait_log("event=helper-ready")
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon.stop()
        self.daemon.close()
        with self._sink:
            self._sink.communicate(timeout=60)

    def roles(self) -> dict[int, str]:
        """Its lasting processes; hooks come and go."""
        found = gauge.roles(self.daemon.pid, self.daemon.log)
        return {pid: role for pid, role in found.items() if role != "hook"}

    def hooks(self) -> tuple[int, int]:
        """How many runs there were, and how many have not ended."""
        with closing(sqlite3.connect(self.daemon.data / ".aimx/state.db", timeout=60)) as db:
            (waiting,) = db.execute("SELECT count(*) FROM jobs WHERE state IN ('pending', 'started')").fetchone()
        return (self._ran.stat().st_size if self._ran.exists() else 0), int(waiting)

    def drained(self) -> tuple[int, int]:
        """The same once nothing waits any more, or patience is over."""
        deadline = time.monotonic() + _PATIENCE_S
        while (found := self.hooks())[1] and time.monotonic() < deadline:
            time.sleep(0.2)
        return found

    def stored(self) -> int:
        """Messages in the inboxes."""
        return sum(len(self.daemon.messages(name)) for name in corpus.MAILBOXES)

    def recorded(self) -> int:
        """Records of sent mail that say it was delivered."""
        files = self.daemon.messages("agent0", "sent")
        return sum(b'delivery_status = "delivered"' in path.read_bytes() for path in files)


def _configuration(ran: Path) -> str:
    """Every mailbox trusts the sender; a hook of one of them leaves an octet for every mail."""
    lines = [f'domain = "{DOMAIN}"', "allow_private_mx = true", "hook_thread_budget = 0", 'trust = "verified"']
    lines.append(f'trusted_senders = ["*@{corpus.SENDER}"]')
    for name in corpus.MAILBOXES:
        lines += [f"[mailboxes.{name}]", f'address = "{name}@{DOMAIN}"', f'owner = "{owner()}"']
    cmd = ["/bin/sh", "-c", f"cat >/dev/null; printf x >>{ran}"]
    lines += [f"[[mailboxes.{HOOKED}.hooks]]", 'event = "on_receive"', 'name = "count"', f"cmd = {json.dumps(cmd)}"]
    return "\n".join(lines) + "\n"
