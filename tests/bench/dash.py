"""The dashboard on a terminal of its own beside a real daemon; run alone: `python -m tests.bench.dash [--quick]`.

First picture: from the start of the process until the newest mail stands on the screen. Key: CPU from a key until its
repaint is written. Events: mail at a fixed rate; one is seen when it, or a later one, has been written to the terminal.
CPU time is what to read on a shared machine.
"""

import os
import re
import smtplib
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.bench import gauge, index
from tests.bench.table import TABLE, Row, quantile
from tests.harness import Daemon, mail
from tests.tui.ptys import OnPty

FIRST_MS, KEY_MS, MEMORY_MB, LAG_MS, RATE = 400.0, 50.0, 90.0, 200.0, 200
CONNECTIONS = 4
AREA = "Dashboard beside {:,} messages"


def environment(daemon: Daemon) -> dict[str, str]:
    """Of a terminal with colours."""
    kept = {name: text for name, text in daemon.env.items() if name not in ("NO_COLOR", "PYTHONDONTWRITEBYTECODE")}
    home = str(daemon.tree)
    return {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", "HOME": home, "COLORTERM": "truecolor"}


def started(daemon: Daemon) -> OnPty:
    """`aimx tui` at 120 × 40."""
    return OnPty([daemon.python, "-m", "aimx.cli.main", "tui"], environment(daemon))


def show(tree: Path, quick: bool) -> None:
    """All rows."""
    count = 2000 if quick else 100_000
    area = AREA.format(count)
    daemon = Daemon(tree)
    index.fill(daemon.data / "inbox/ops", count)
    try:
        daemon.start()
        daemon.wait_log("event=index-built", 600)
        print(f"\ndashboard beside {count:,} messages{'':<18}{'p50 ms':>9}{'max ms':>9}{'CPU ms':>9}")
        _first(area, daemon, f"Message {count - 1}".encode(), 3 if quick else 9)
        with started(daemon) as program:
            program.until(f"Message {count - 1}".encode())
            _keys(area, program, 20 if quick else 100)
            _memory(area, program, "after keys")
            _events(area, daemon, program, 2.0 if quick else 10.0)
            _memory(area, program, "after events")
    finally:
        daemon.stop()
        daemon.close()


def _row(area: str, name: str, wall_ms: list[float], cpu_ms: float, bound_ms: float) -> None:
    shown = Row(area, name.partition(",")[0], None, cpu_ms, statistics.median(wall_ms), quantile(wall_ms, 0.99))
    TABLE.add(shown._replace(note=f"bound {bound_ms:.0f} ms"))
    print(f"{name:<44}{statistics.median(wall_ms):>9.0f}{max(wall_ms):>9.0f}{cpu_ms:>9.1f}"
          f"   {cpu_ms / bound_ms:.2f} of {bound_ms:.0f} ms", flush=True)  # fmt: skip


def _first(area: str, daemon: Daemon, words: bytes, runs: int) -> None:
    walls, cpus = [], []
    for _ in range(runs):
        with started(daemon) as program:
            walls.append(program.until(words) * 1000)
            cpus.append(program.cpu_s() * 1000)
    _row(area, f"start to first picture, {runs} runs", walls, statistics.median(cpus), FIRST_MS)


def _keys(area: str, program: OnPty, count: int) -> None:
    walls, before = [], program.cpu_s()
    for _ in range(count):
        size, pressed = len(program.octets), time.perf_counter()
        program.type(b"j")
        walls.append((program.more(size) - pressed) * 1000)
    _row(area, f"key to repaint, {count} keys", walls, (program.cpu_s() - before) * 1000 / count, KEY_MS)


def _memory(area: str, program: OnPty, when: str) -> None:
    size = gauge.memory(program.pid)
    peak_mb = program.status("VmHWM") / 1024
    TABLE.add(Row(area, f"memory {when}", mb=peak_mb, note=f"peak; bound {MEMORY_MB:.0f} MB"))
    print(f"memory {when:<37}{size.rss / 1024:>9.1f} MB, peak {peak_mb:.1f}, PSS {size.pss / 1024:.1f}"
          f"   {peak_mb / MEMORY_MB:.2f} of {MEMORY_MB:.0f} MB", flush=True)  # fmt: skip


def _events(area: str, daemon: Daemon, program: OnPty, seconds: float) -> None:
    """Mail at RATE; lag from its acknowledgement until it is on the terminal."""
    program.type(b"g")
    total = int(RATE * seconds)
    acknowledged = [0.0] * total
    start, began, cpu = len(program.octets), time.perf_counter() + 0.1, program.cpu_s()
    threads = [
        threading.Thread(target=_send, args=(daemon.port, range(number, total, CONNECTIONS), began, acknowledged))
        for number in range(CONNECTIONS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, spent = time.perf_counter() - began, program.cpu_s() - cpu
    program.until(f"Arrival {total - 1:05d}".encode(), start)
    seen = _seen(program, start, total)
    lags = sorted((there - at) * 1000 for there, at in zip(seen, acknowledged, strict=True))
    late = sum(lag > LAG_MS for lag in lags)
    TABLE.add(Row(
        area, "arrival until on the screen", total / took, 1000 * spent / total, statistics.median(lags),
        quantile(lags, 0.99), note=f"{late} of {total} later than {LAG_MS:.0f} ms",
    ))  # fmt: skip
    name = f"{total} events at {total / took:.0f}/s: seen after, ms"
    print(f"{name:<44}{statistics.median(lags):>9.0f}{lags[-1]:>9.0f}{spent / took * 100:>8.0f}%"
          f"   {late} later than {LAG_MS:.0f} ms", flush=True)  # fmt: skip


def _send(port: int, numbers: range, began: float, acknowledged: list[float]) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test") as client:
        for number in numbers:
            time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            client.sendmail("a@sender.test", ["ops@agent.test"], mail(f"Arrival {number:05d}"))
            acknowledged[number] = time.perf_counter()


def _seen(program: OnPty, start: int, total: int) -> list[float]:
    """When each, or one after it, was on the terminal."""
    seen = [float("inf")] * total
    newest, size = -1, start
    written = bytes(program.octets)
    for when, there in program.heard:
        if there <= start:
            continue
        # A number may lie across two reads.
        for found in re.findall(rb"Arrival (\d{5})", written[max(start, size - 12) : there]):
            for number in range(newest + 1, int(found) + 1):
                seen[number] = when
            newest = max(newest, int(found))
        size = there
    return seen


def main() -> None:
    """These rows only."""
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(prefix="aimx-bench-") as tree:
        show(Path(tree), "--quick" in sys.argv[1:])


if __name__ == "__main__":
    main()
