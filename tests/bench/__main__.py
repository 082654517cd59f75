"""`nox -s bench`: measure receiving (verified, fsynced), watching, commands and sending; others beside it.

Prints each part as it comes and then one table of all, which `dist/bench/` gets as Markdown and JSON. CPU time per
message is what to read on a shared machine; the load's own process is never counted. Targets are the project's, for
two cores.
"""

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

import psutil

from tests.bench import answering, beside, corpus, dash, gauge, hooks, index, sending, starting, watching
from tests.bench.bench import Bench, Figures, load
from tests.bench.load import Plan
from tests.bench.table import TABLE, Row
from tests.root import users

RECEIVING = "Receiving: verified, stored, synced, answered"
HEADLINE = ("10 KB", 10)
RATE_TARGET, CPU_TARGET_MS, TLS_TARGET_KB, FRONT_TARGET_MB = 1000.0, 1.8, 40.0, 60.0


def machine(directory: Path) -> str:
    """What the figures were taken on."""
    mounts = [part for part in psutil.disk_partitions(all=True) if directory.is_relative_to(part.mountpoint)]
    mount = max(mounts, key=lambda part: len(part.mountpoint))
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "?")
    return (
        f"{os.cpu_count()} cores ({cpu}), load {os.getloadavg()[0]:.1f}, Python {platform.python_version()},"
        f" Linux {platform.release()}, {mount.fstype} on {mount.device}, uid {os.geteuid()}"
    )


def _print(name: str, figures: Figures, note: str = "") -> None:
    TABLE.add(Row(RECEIVING, name, figures.rate, figures.cpu_ms, figures.median_ms, figures.p99_ms, note=note))
    print(
        f"{name:<44}{figures.rate:>7.0f}{figures.cpu_ms:>10.2f}{figures.load_ms:>9.2f}"
        f"{figures.median_ms:>9.1f}{figures.worst_ms:>9.1f}",
        flush=True,
    )


def throughput(bench: Bench, quick: bool) -> None:
    """Messages per second and CPU per message: sizes × senders, then the variations."""
    rounds, unit = (1, 200) if quick else (3, 500)
    port = bench.daemon.port
    print(f"\n{'row':<44}{'msg/s':>7}{'CPU ms/m':>10}{'load ms':>9}{'p50 ms':>9}{'max ms':>9}")
    shapes = {"1 KB": (1000, unit, corpus.text), "10 KB": (10_000, unit, corpus.alternative)}
    if not quick:
        shapes["100 KB"] = (100_000, unit // 4, corpus.attachment)
    files = {
        name: bench.write(name.replace(" ", ""), size, count, shape) for name, (size, count, shape) in shapes.items()
    }
    headline = None
    for name, (_, count, _) in shapes.items():
        for senders in (10,) if quick else (1, 10, 50):
            number = count // 2 if senders == 1 else count
            figures = bench.row(Plan(port, files[name], senders, number), rounds)
            is_headline = (name, senders) == HEADLINE
            targets = f"targets {RATE_TARGET:.0f}/s, {CPU_TARGET_MS} ms CPU" if is_headline else ""
            _print(f"{name}, {senders} senders, kept connections", figures, targets)
            if is_headline:
                headline = figures
    ten = Plan(port, files["10 KB"], 10, unit)
    _print("10 KB, 10 senders, one command at a time", bench.row(ten._replace(pipelined=False), rounds))
    _print("10 KB, 10 senders, new connection per mail", bench.row(ten._replace(mode="fresh"), rounds))
    _print("10 KB, 10 senders, kept TLS connections", bench.row(ten._replace(tls=True), rounds))
    _print("10 KB, 10 senders, STARTTLS per mail", bench.row(ten._replace(tls=True, mode="fresh"), rounds))
    if not quick:
        html = bench.write("html", 10_000, unit, corpus.html_only)
        _print("10 KB HTML only, 10 senders", bench.row(ten._replace(corpus=html), rounds))
    assert headline is not None
    print("\nCPU by process, 10 KB and 10 senders, kept connections (ms per message):")
    print("  " + "  ".join(f"{role} {ms:.2f}" for role, ms in headline.by_role.items() if ms >= 0.005))
    print(f"  rate {headline.rate:.0f} msg/s = {headline.rate / RATE_TARGET:.2f} of the target {RATE_TARGET:.0f}")
    print(f"  CPU {headline.cpu_ms:.2f} ms = {headline.cpu_ms / CPU_TARGET_MS:.2f} of the bound {CPU_TARGET_MS}")


def memory(bench: Bench, title: str) -> None:
    """Resident and proportional size of every process."""
    print(f"\nMemory {title} (MB, RSS / PSS):")
    total = 0
    for pid, role in bench.roles.items():
        size = gauge.memory(pid)
        total += size.pss
        bound = f"   (bound {FRONT_TARGET_MB:.0f})" if role == "front" else ""
        print(f"  {role:<10}{size.rss / 1024:>7.1f} /{size.pss / 1024:>6.1f}{bound}")
    print(f"  {'together':<10}{'':>7}  {total / 1024:>6.1f}")
    front = gauge.memory(bench.daemon.pid).rss / 1024
    TABLE.add(Row("Memory", f"all processes {title}", mb=total / 1024, note=f"{len(bench.roles)} processes, PSS"))
    TABLE.add(Row("Memory", f"the front {title}", mb=front, note=f"RSS; bound {FRONT_TARGET_MB:.0f} MB"))


def idle_connections(bench: Bench, quick: bool) -> None:
    """KB per idle connection in the front, and whether new mail gets in meanwhile.

    On a daemon that has just started: one that was busy would take the connections out of memory it has freed.
    """
    held, count = (200, 100) if quick else (1000, 300)
    mail = Plan(bench.daemon.port, str(bench.tree / "10KB"), 10, count)
    alone = bench.once(mail)
    print(f"\n{held} idle connections held (10 KB, 10 senders alone: {alone.cpu_ms:.2f} ms CPU per message):")
    for name, tls in (("TLS", True), ("plain", False)):  # the larger first: freed memory is used again
        before = gauge.memory(bench.daemon.pid)
        with load("tests.bench.load", Plan(bench.daemon.port, "", held, 0, mode="hold", tls=tls)):
            grown = gauge.memory(bench.daemon.pid)
            figures = bench.once(mail)
        each = (grown.pss - before.pss) / held
        bound = f" (bound {TLS_TARGET_KB:.0f})" if tls else ""
        shown = Row("Connections held", f"{held:,} idle {name}, mail meanwhile", figures.rate, figures.cpu_ms)
        shown = shown._replace(p50_ms=figures.median_ms, p99_ms=figures.p99_ms, mb=each * held / 1024)
        TABLE.add(shown._replace(note=f"{each:.1f} KB each{bound}"))
        print(
            f"  {name:<6}{each:>6.1f} KB each{bound}; meanwhile {figures.rate:.0f} msg/s, {figures.cpu_ms:.2f} ms CPU"
            f" per message, slowest {figures.worst_ms:.0f} ms",
            flush=True,
        )


def main() -> None:
    """Run all rows."""
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rows and messages (about half a minute)")
    parser.add_argument("--scale", type=int, default=0, metavar="N", help="one more size of mailbox, such as 1000000")
    parser.add_argument("--out", type=Path, default=Path("dist/bench"), help="where figures.md and figures.json go")
    options = parser.parse_args()
    quick = options.quick
    if os.geteuid() == 0:
        users.need_worker()
    with tempfile.TemporaryDirectory(prefix="aimx-bench-") as tree:
        on = machine(Path(tree))
        print(on)
        bench = Bench(Path(tree))
        try:
            memory(bench, "idle, after start")
            bench.write("10KB", 10_000, 500, corpus.alternative)
            idle_connections(bench, quick)
            throughput(bench, quick)
            memory(bench, "after a burst of mail")
            beside.show(bench, quick)
            watching.show(bench, quick)
            hooks.show(bench, quick)
            starting.show(bench.daemon, quick)
            starting.serving(Path(tree) / "serving", 2 if quick else 10)
            answering.show(bench.daemon, quick)
            memory(bench, "idle, after all that mail")
            print(f"\n{bench.verified()}")
        finally:
            bench.close()
        sending.show(Path(tree), quick)
        index.show(Path(tree) / "index", quick, options.scale)
        dash.show(Path(tree) / "dash", quick)
    on += f"; {'short' if quick else 'full'} form, load at its end {os.getloadavg()[0]:.1f}"
    print(f"\n{TABLE.text(on)}\n")
    for path in TABLE.write(options.out, on):
        print(path)


if __name__ == "__main__":
    sys.exit(main())
