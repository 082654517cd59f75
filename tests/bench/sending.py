"""The sending rows of the bench: signed Markdown from the socket to a loopback mail server; the client's own cost."""

import json
import os
import pwd
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from aimx.demo import program
from tests.bench import gauge
from tests.bench.bench import load, tell
from tests.bench.submit import Plan, markdown
from tests.bench.table import TABLE
from tests.bench.table import Row as Shown
from tests.harness import DOMAIN, Daemon, owner
from tests.mailauth import signing

RATE_TARGET, CLIENT_TARGET_MS = 150.0, 40.0
AREA = "Sending: rendered, signed, recorded, delivered to a server on loopback"
_WARM = 20


class Row(NamedTuple):
    """One row: sends per second, milliseconds until the answer, CPU milliseconds per send by role."""

    rate: float
    median_ms: float
    p99_ms: float
    worst_ms: float
    cpu_ms: dict[str, float]


class SendBench:
    """A daemon with a key whose remote mail servers are all one sink."""

    def __init__(self, tree: Path) -> None:
        self._sink = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.sink"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._sink.stdout is not None
        port = self._sink.stdout.readline().strip()
        zone = {"sink.test": {"MX": ["10 mx.sink.test."]}, "mx.sink.test": {"A": ["127.0.0.1"]}}
        self.account = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.getuid())
        self.daemon = Daemon(tree, _configuration(self.account.pw_name), zone, AIMX_TEST_MX_PORT=port)
        signing.install(self.daemon.etc)
        self.daemon.start()
        while len(gauge.helpers(self.daemon.log)) <= len(os.sched_getaffinity(0)):
            self.daemon.wait_log("event=helper-ready")
        self._roles = gauge.roles(self.daemon.pid, self.daemon.log)

    def close(self) -> None:
        """Stop daemon and sink."""
        self.daemon.stop()
        self.daemon.close()
        with self._sink:
            self._sink.communicate(timeout=60)

    def row(self, size: int, clients: int, count: int) -> Row:
        """One timed run after a short one that warms caches."""
        plan = Plan(str(self.daemon.socket), "ops", size, clients, count)
        self._once(plan._replace(count=_WARM))
        return self._once(plan)

    def _once(self, plan: Plan) -> Row:
        with load("tests.bench.submit", plan) as process:
            assert process.stdout is not None
            before = gauge.cpu(self._roles)
            tell(process.stdin, "go")
            line = process.stdout.readline()
            if not line:
                raise SystemExit("a message of the bench was not delivered")
            told = json.loads(line)
            after = gauge.cpu(self._roles)
        cpu_ms = {role: (after[role] - before[role]) * 1000 / plan.count for role in after}
        return Row(plan.count / told["wall"], told["median"] * 1000, told["p99"] * 1000, told["worst"] * 1000, cpu_ms)

    def cold(self, tree: Path, runs: int) -> tuple[float, float]:
        """`aimx send` from its start to its end: median milliseconds of wall and CPU time."""
        others = os.geteuid() == 0  # which the client refuses
        if others:
            tree.mkdir()
        aimx = program.argv(tree / "program", others)
        argv = [*aimx, "send", "--from", f"cold@{DOMAIN}", "--to", "bob@sink.test", "--subject", "Briefing"]
        argv += ["--body", markdown(1000, 0)]
        walls, cpus = [], []
        for _ in range(runs + 1):
            started = time.monotonic()
            process = subprocess.Popen(
                argv, env=self.daemon.env, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                user=self.account.pw_uid if others else None, group=self.account.pw_gid if others else None,
                extra_groups=[] if others else None,
            )  # fmt: skip
            _, status, usage = os.wait4(process.pid, 0)
            walls.append((time.monotonic() - started) * 1000)
            process.returncode = os.waitstatus_to_exitcode(status)
            cpus.append((usage.ru_utime + usage.ru_stime) * 1000)
            if process.returncode != 0:
                raise SystemExit(f"aimx send ended with {process.returncode}")
        return statistics.median(walls[1:]), statistics.median(cpus[1:])


def _configuration(cold_owner: str) -> str:
    lines = [f'domain = "{DOMAIN}"', "allow_private_mx = true"]
    for name, account in (("ops", owner()), ("cold", cold_owner)):
        lines += [f"[mailboxes.{name}]", f'address = "{name}@{DOMAIN}"', f'owner = "{account}"']
    return "\n".join(lines) + "\n"


def show(tree: Path, quick: bool) -> None:
    """Run and print all rows."""
    tree.chmod(0o755)  # the cold client may be somebody else
    bench = SendBench(tree / "sending")
    try:
        print(f"\n{'sending: Markdown, signed, to a sink':<44}{'send/s':>7}{'CPU ms/m':>10}{'p50 ms':>18}{'max ms':>9}")
        rows = {}
        for size, clients in ((1000, 1), (5000, 1), (1000, 10), (5000, 10)):
            count = (100 if clients > 1 else 50) if quick else (600 if clients > 1 else 200)
            rows[size, clients] = row = bench.row(size, clients, count)
            print(
                f"{f'{size // 1000} KB, {clients} clients':<44}{row.rate:>7.0f}{sum(row.cpu_ms.values()):>10.2f}"
                f"{row.median_ms:>18.1f}{row.worst_ms:>9.1f}",
                flush=True,
            )
            name = f"{size // 1000} KB of Markdown, {clients} {'client' if clients == 1 else 'clients'}"
            bound = f"target {RATE_TARGET:.0f}/s" if clients > 1 else ""
            TABLE.add(Shown(AREA, name, row.rate, sum(row.cpu_ms.values()), row.median_ms, row.p99_ms, note=bound))
        row = rows[1000, 10]
        print("\nCPU by process, 1 KB and 10 clients (ms per send):")
        print("  " + "  ".join(f"{role} {ms:.2f}" for role, ms in row.cpu_ms.items() if ms >= 0.005))
        print(f"  rate {row.rate:.0f} send/s = {row.rate / RATE_TARGET:.2f} of the target {RATE_TARGET:.0f}")
        print(f"  that much CPU allows {2000 / sum(row.cpu_ms.values()):.0f} send/s on two cores that do nothing else")
        wall, cpu = bench.cold(tree / "cold", 10 if quick else 20)
        own = wall - rows[1000, 1].median_ms
        TABLE.add(Shown("Start-up", "aimx send, start to end", cpu_ms=cpu, p50_ms=wall, note="delivery included"))
        print(f"\nCold `aimx send`, 1 KB: {wall:.0f} ms until its end, {cpu:.0f} ms CPU (medians)")
        print(f"  less its answer {own:.0f} ms = {own / CLIENT_TARGET_MS:.2f} of the bound {CLIENT_TARGET_MS:.0f}")
    finally:
        bench.close()
