"""The daemon of a soak, its remote mail server, and what both say afterwards."""

import email
import email.policy
import hashlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AbstractContextManager, closing
from pathlib import Path

import msgspec

from tests.bench import corpus, gauge
from tests.bench.bench import certificate
from tests.harness import DOMAIN, Daemon, owner
from tests.mailauth import signing

_DISTINCT, _OCTETS = 500, 4000
_LARGE = [200_000, 2_000_000, 200_000, 25_000_000, 200_000]  # octets
_PATIENCE_S = 300.0
SENDER, HOOKED = corpus.MAILBOXES[:2]
_MARK = re.compile(rb'^in_reply_to = "(.*)"$', re.M)
_SUBJECT = re.compile(rb'^subject = "(.*)"$', re.M)
_STATUS = re.compile(rb'^delivery_status = "(.*)"$', re.M)
_FILES = ("state.db", "state.db-wal", "index.db", "index.db-wal")


class Stand(AbstractContextManager["Stand"]):
    """Runs from entry to exit."""

    def __init__(self, tree: Path) -> None:
        made = corpus.Corpus()
        self._sink = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.sink", str(taken := tree / "taken")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._taken = taken
        assert self._sink.stdout is not None
        port = self._sink.stdout.readline().strip()
        zone = made.zone() | {"sink.test": {"MX": ["10 mx.sink.test."]}, "mx.sink.test": {"A": ["127.0.0.1"]}}
        self._ran = tree / "ran"
        self.daemon = Daemon(tree / "daemon", _configuration(self._ran), zone, AIMX_TEST_MX_PORT=port)
        signing.install(self.daemon.etc)
        cert, key = certificate(tree)
        self.daemon.arguments = ["--tls-cert", cert, "--tls-key", key]
        file = tree / "corpus"
        file.write_bytes(msgspec.msgpack.encode(made.messages(_OCTETS, _DISTINCT, corpus.alternative)))
        self.corpus_file = str(file)
        large = [message for size in _LARGE for message in made.messages(size, 1, corpus.attachment)]
        (tree / "large").write_bytes(msgspec.msgpack.encode(large))
        self.attachments = [_digest(_attached(message)) for message in large]
        self.large_file = str(tree / "large")

    def __enter__(self) -> "Stand":
        self.daemon.start()
        while len(gauge.helpers(self.daemon.log)) <= len(os.sched_getaffinity(0)):
            self.daemon.wait_log("event=helper-ready")
        self.helpers = self.started()
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

    def waiting(self) -> int:
        """How many runs of the hook have not ended."""
        with closing(sqlite3.connect(self.daemon.data / ".aimx/state.db", timeout=60)) as db:
            query = "SELECT count(*) FROM jobs WHERE state IN ('pending', 'started')"
            return int(db.execute(query).fetchone()[0])

    def drained(self) -> int:
        """The same once nothing waits any more, or patience is over."""
        deadline = time.monotonic() + _PATIENCE_S
        while (waiting := self.waiting()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return waiting

    def ran(self) -> Counter[str]:
        """The mails that the hook was run for, and how often."""
        return Counter(self._ran.read_text().split() if self._ran.exists() else [])

    def stored(self) -> Counter[str]:
        """The marks of the messages in the inboxes."""
        return _fields(_MARK, (path for name in corpus.MAILBOXES for path in self.daemon.messages(name)))

    def attached(self) -> Counter[str]:
        """The marks of the messages with an attachment, and what that is."""
        found: Counter[str] = Counter()
        for name in corpus.MAILBOXES:
            for path in (self.daemon.data / "inbox" / name).glob("*/*.pdf"):
                (mark,) = _fields(_MARK, [path.parent / f"{path.parent.name}.md"])
                found[f"{mark} {_digest(path.read_bytes())}"] += 1
        return found

    def hooked(self) -> Counter[str]:
        """The ids of the messages in the mailbox with the hook."""
        return Counter(path.stem for path in self.daemon.messages(HOOKED))

    def recorded(self) -> Counter[str]:
        """How each sent mail ended of which there is a record, and its subject."""
        found: Counter[str] = Counter()
        for path in self.daemon.messages(SENDER, "sent"):
            (subject,), (status,) = _fields(_SUBJECT, [path]), _fields(_STATUS, [path])
            found[f"{status} {subject}"] += 1
        return found

    def arrived(self) -> Counter[str]:
        """The subjects of the messages that the remote server took."""
        return Counter(self._taken.read_text().splitlines() if self._taken.exists() else [])

    def complaints(self) -> list[str]:
        """Lines of the log that are errors."""
        return [line.strip() for line in self.daemon.log if "level=error" in line or "Traceback" in line]

    def started(self) -> int:
        """How many helpers were started so far."""
        return sum("event=helper-ready" in line for line in self.daemon.log)

    def disk(self) -> dict[str, int]:
        """Octets of the databases; entries of what empties itself."""
        home = self.daemon.data / ".aimx"
        sizes = {name: (home / name).stat().st_size for name in _FILES if (home / name).exists()}
        return {**sizes, **{name: len(os.listdir(home / name)) for name in ("staging", "spool")}}


def _attached(message: bytes) -> bytes:
    """The one attachment of a message of `corpus.attachment`."""
    (part,) = email.message_from_bytes(message, policy=email.policy.default).iter_attachments()
    octets: bytes = part.get_content()
    return octets


def _digest(octets: bytes) -> str:
    return hashlib.sha256(octets).hexdigest()


def _fields(field: re.Pattern[bytes], files: Iterable[Path]) -> Counter[str]:
    found: Counter[str] = Counter()
    for path in files:
        told = field.search(path.read_bytes())
        found[told[1].decode() if told else f"nothing in {path.name}"] += 1
    return found


def _configuration(ran: Path) -> str:
    """Every mailbox trusts the sender; a hook of one of them leaves a line for every mail."""
    lines = [f'domain = "{DOMAIN}"', "allow_private_mx = true", "hook_thread_budget = 0", 'trust = "verified"']
    lines.append(f'trusted_senders = ["*@{corpus.SENDER}"]')
    for name in corpus.MAILBOXES:
        lines += [f"[mailboxes.{name}]", f'address = "{name}@{DOMAIN}"', f'owner = "{owner()}"']
    cmd = ["/bin/sh", "-c", f'cat >/dev/null; echo "$AIMX_ID" >>{ran}']
    lines += [f"[[mailboxes.{HOOKED}.hooks]]", 'event = "on_receive"', 'name = "count"', f"cmd = {json.dumps(cmd)}"]
    return "\n".join(lines) + "\n"
