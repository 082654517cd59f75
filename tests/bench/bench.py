"""One daemon, many rows: starts it, drives the load process, reads the gauges."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import IO, NamedTuple

import msgspec

from aimx import client
from aimx.wire.frames import EmailList
from tests.bench import corpus, gauge
from tests.bench.load import Plan
from tests.harness import DOMAIN, Daemon, owner
from tests.root import users

_PATIENCE_S = 60.0


class Figures(NamedTuple):
    """One row: messages per second, CPU milliseconds per message (all, and by role), the load's own."""

    rate: float
    cpu_ms: float
    by_role: dict[str, float]
    load_ms: float
    median_ms: float
    p99_ms: float
    worst_ms: float


def figures(plan: Plan, told: dict[str, float], wall_s: float, spent_s: dict[str, float]) -> Figures:
    """What the load process told and what the servers spent by role, for each message."""
    by_role = {role: seconds * 1000 / plan.count for role, seconds in spent_s.items()}
    return Figures(
        plan.count / wall_s, sum(by_role.values()), by_role, told["cpu"] * 1000 / plan.count,
        told["median"] * 1000, told["p99"] * 1000, told["worst"] * 1000,
    )  # fmt: skip


def medians(runs: list[Figures]) -> Figures:
    """Of several runs of one row; the worst is that of all."""
    roles = {role: median(run.by_role[role] for run in runs) for role in runs[0].by_role}
    return Figures(
        median(run.rate for run in runs), median(run.cpu_ms for run in runs), roles,
        median(run.load_ms for run in runs), median(run.median_ms for run in runs),
        median(run.p99_ms for run in runs), max(run.worst_ms for run in runs),
    )  # fmt: skip


def certificate(directory: Path) -> tuple[str, str]:
    """A self-signed ECDSA certificate and its key."""
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, DOMAIN)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = directory / "cert.pem", directory / "key.pem"
    cert_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    formats = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, *formats))
    return str(cert_file), str(key_file)


def configuration() -> str:
    """Ten mailboxes that trust the sender, room for the idle connections."""
    lines = [f'domain = "{DOMAIN}"', "max_connections = 4000", 'trust = "verified"']
    lines.append(f'trusted_senders = ["*@{corpus.SENDER}"]')
    for name in corpus.MAILBOXES:
        lines += [f"[mailboxes.{name}]", f'address = "{name}@{DOMAIN}"', f'owner = "{owner()}"']
    return "\n".join(lines) + "\n"


class Bench:
    """A running daemon and the messages for it."""

    def __init__(self, tree: Path) -> None:
        self.tree = tree
        self.corpus = corpus.Corpus()
        self.daemon = Daemon(tree / "daemon", configuration(), self.corpus.zone())
        cert, key = certificate(tree)
        self.daemon.arguments = ["--tls-cert", cert, "--tls-key", key]
        self.daemon.start()
        while len(gauge.helpers(self.daemon.log)) <= len(os.sched_getaffinity(0)):  # a worker per core and the resolver
            self.daemon.wait_log("event=helper-ready")
        self.roles = gauge.roles(self.daemon.pid, self.daemon.log)
        self.stored = 0

    def close(self) -> None:
        """Stop the daemon."""
        self.daemon.stop()
        self.daemon.close()

    def write(self, name: str, size: int, count: int, shape: corpus.Shape) -> str:
        """A file of messages for the load process."""
        path = self.tree / name
        path.write_bytes(msgspec.msgpack.encode(self.corpus.messages(size, count, shape)))
        return str(path)

    def once(self, plan: Plan) -> Figures:
        """One timed run."""
        with load("tests.bench.load", plan) as process:
            assert process.stdout is not None
            before = gauge.cpu(self.roles)
            tell(process.stdin, "go")
            told = json.loads(process.stdout.readline())
            # A list waits until the index has what was stored before it.
            client.call(self.daemon.socket, EmailList(mailbox=corpus.MAILBOXES[-1], limit=1), _PATIENCE_S)
            after = gauge.cpu(self.roles)
        if told["sent"] != plan.count:
            raise SystemExit(f"{told['sent']} of {plan.count} messages were accepted")
        self.stored += plan.count
        return figures(plan, told, told["wall"], {role: after[role] - before[role] for role in after})

    def row(self, plan: Plan, rounds: int) -> Figures:
        """Medians of several runs after one short run that warms caches."""
        self.once(plan._replace(count=max(plan.senders, plan.count // 10)))
        return medians([self.once(plan) for _ in range(rounds)])

    def verified(self) -> str:
        """How many stored messages carry a pass of all three verifications."""
        fields = (b'\ndkim = "pass"\n', b'\nspf = "pass"\n', b'\ndmarc = "pass"\n', b'\ntrusted = "true"\n')
        files = [path for name in corpus.MAILBOXES for path in self.daemon.messages(name)]
        heads = [path.read_bytes()[:4096] for path in files]
        return (
            f"{len(files)} stored of {self.stored} accepted, {sum(all(f in h for f in fields) for h in heads)} verified"
        )


@contextlib.contextmanager
def load(module: str, plan: NamedTuple) -> Iterator[subprocess.Popen[str]]:
    """A process that runs that module, ready to start its clock."""
    argv = [sys.executable, "-m", module]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            tell(process.stdin, json.dumps(plan._asdict()))
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"{module} did not start")
            yield process
        finally:
            process.kill()


def tell(stream: IO[str] | None, line: str) -> None:
    """One line to a process that reads it now."""
    assert stream is not None
    stream.write(line + "\n")
    stream.flush()


def alone(show: Callable[[Bench, bool], None]) -> None:
    """One part of the bench as a program of its own; `--quick` as there."""
    if os.geteuid() == 0:
        users.need_worker()
    with tempfile.TemporaryDirectory(prefix="aimx-bench-") as tree:
        bench = Bench(Path(tree))
        try:
            show(bench, "--quick" in sys.argv[1:])
        finally:
            bench.close()
