"""What `aimx mcp` costs from its start to its first reply, in both protocol eras, and the memory it took."""

import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from tests.bench.table import TABLE, Row, quantile
from tests.harness import Daemon

CPU_TARGET_MS, MEMORY_TARGET_MB = 600.0, 75.0
_CLIENT = {"name": "bench", "version": "1"}
_MODERN = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": _CLIENT,
    "io.modelcontextprotocol/clientCapabilities": {},
}
OPENINGS = {
    "2025-11-25": (
        "initialize",
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": _CLIENT},
    ),
    "2026-07-28": ("server/discover", {"_meta": _MODERN}),
}


class Start(NamedTuple):
    """One start: milliseconds on the wall and of CPU to the first reply, megabytes at most."""

    wall_ms: float
    cpu_ms: float
    peak_mb: float


def show(daemon: Daemon, quick: bool) -> None:
    """One row per era."""
    runs = 3 if quick else 15
    print(f"\n{f'aimx mcp: start to first reply, {runs} runs':<44}{'p50 ms':>9}{'max ms':>9}{'CPU ms':>9}{'MB':>7}")
    for era, opening in OPENINGS.items():
        starts = [_start(daemon, *opening) for _ in range(runs)]
        cpu_ms = statistics.median(start.cpu_ms for start in starts)
        wall_ms = [start.wall_ms for start in starts]
        peak_mb = max(start.peak_mb for start in starts)
        print(
            f"{era:<44}{statistics.median(wall_ms):>9.0f}{max(wall_ms):>9.0f}{cpu_ms:>9.0f}{peak_mb:>7.1f}", flush=True
        )
        bounds = f"bounds {CPU_TARGET_MS:.0f} ms CPU, {MEMORY_TARGET_MB:.0f} MB"
        TABLE.add(Row(
            "Start-up", f"aimx mcp to first reply, {era}", None, cpu_ms, statistics.median(wall_ms),
            quantile(wall_ms, 0.99), peak_mb, bounds,
        ))  # fmt: skip
        print(f"  {cpu_ms / CPU_TARGET_MS:.2f} of {CPU_TARGET_MS:.0f} ms, {peak_mb / MEMORY_TARGET_MB:.2f} of"
              f" {MEMORY_TARGET_MB:.0f} MB")  # fmt: skip


def _start(daemon: Daemon, method: str, params: dict[str, object]) -> Start:
    argv = [daemon.python, "-m", "aimx.cli.main", "mcp"]
    began = time.perf_counter()
    with subprocess.Popen(argv, env=daemon.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin and child.stdout
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        child.stdin.write(json.dumps(request).encode() + b"\n")
        child.stdin.flush()
        reply = json.loads(child.stdout.readline())
        wall_ms = 1000 * (time.perf_counter() - began)
        assert "result" in reply, reply
        cpu_ms, peak_mb = _spent_ms(child.pid), _peak_mb(child.pid)
        child.stdin.close()
    return Start(wall_ms, cpu_ms, peak_mb)


def _spent_ms(pid: int) -> float:
    """Of all threads; the scheduler's own count, finer than ticks."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e6


def _peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
