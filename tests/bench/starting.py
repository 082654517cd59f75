"""What a command costs from start to end: interpreter, imports, one question to the daemon, the answer shown."""

import os
import statistics
import subprocess
import time
from pathlib import Path

from tests.bench import gauge
from tests.bench.table import TABLE, Row, quantile
from tests.harness import Daemon

TARGET_MS = 80.0
COMMANDS = (
    ("mailboxes", "list"),
    ("mailboxes", "list", "--json"),
    ("emails", "list"),
    ("hooks", "list"),
)


def show(daemon: Daemon, quick: bool) -> None:
    """One row per command. The interpreter alone is the row to compare with."""
    runs = 5 if quick else 30
    print(f"\n{f'cold start, {runs} runs':<44}{'p50 ms':>9}{'max ms':>9}{'CPU ms':>9}")
    _row("python -c pass", [daemon.python, "-c", "pass"], daemon, runs)
    for words in COMMANDS:
        median_ms = _row(f"aimx {' '.join(words)}", [daemon.python, "-m", "aimx.cli.main", *words], daemon, runs)
        if words == COMMANDS[0]:
            headline = median_ms
    print(f"  {headline:.0f} ms = {headline / TARGET_MS:.2f} of the bound {TARGET_MS:.0f} ms (aimx mailboxes list)")


def serving(tree: Path, runs: int) -> None:
    """`aimx serve` from its start until it listens; CPU of all its processes by then."""
    took_ms, cpu_ms = [], []
    with Daemon(tree) as daemon:
        daemon.stop()
        for _ in range(runs):
            began = time.perf_counter()
            daemon.start()
            took_ms.append(1000 * (time.perf_counter() - began))
            cpu_ms.append(1000 * sum(gauge.cpu(gauge.roles(daemon.pid, daemon.log)).values()))
            daemon.stop()
    median_ms, spent_ms = statistics.median(took_ms), statistics.median(cpu_ms)
    TABLE.add(Row("Start-up", "aimx serve until it listens", None, spent_ms, median_ms, quantile(took_ms, 0.99)))
    print(f"{'aimx serve until it listens':<44}{median_ms:>9.1f}{max(took_ms):>9.1f}{spent_ms:>9.1f}", flush=True)


def _row(name: str, argv: list[str], daemon: Daemon, runs: int) -> float:
    took_ms, cpu_ms = [], []
    for _ in range(runs):
        began = time.perf_counter()
        child = subprocess.Popen(
            argv, env=daemon.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        _, code, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(code)
        assert child.returncode == 0, argv
        took_ms.append(1000 * (time.perf_counter() - began))
        cpu_ms.append(1000 * (usage.ru_utime + usage.ru_stime))
    median_ms = statistics.median(took_ms)
    TABLE.add(Row("Start-up", name, None, statistics.median(cpu_ms), median_ms, quantile(took_ms, 0.99)))
    print(f"{name:<44}{median_ms:>9.1f}{max(took_ms):>9.1f}{statistics.median(cpu_ms):>9.1f}", flush=True)
    return median_ms
