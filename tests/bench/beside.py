"""The same mail to aimx, to plain Python and to Postfix with OpenDKIM, in turns.

Run alone: `python -m tests.bench.beside [--quick]`.

One load generator, one corpus, one file system; all verify DKIM and sync before their 250. What each
does beyond that differs and stands in the rows' notes.
"""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

from aimx.demo.zone import Zone
from tests.bench import baseline_postfix, corpus, gauge
from tests.bench.bench import Bench, Figures, alone, figures, load, medians, tell
from tests.bench.load import Plan
from tests.bench.table import TABLE, Row

AREA = "Beside others (10 senders, kept connections)"
PATIENCE_S = 60.0
AIMX = "SPF, DMARC and trust too, MIME to Markdown, index, intent that survives a crash"
PLAIN = "SPF too; octets as they came, in one process"
POSTFIX = "no SPF, no DMARC, keys from a file; 250 once queued, counted until all is in Maildirs: {:.0f}/s"


class Lost(Exception):
    """Another server did not take, or did not keep, what it was sent."""


class Other(NamedTuple):
    """Another server: where it listens, its processes, where its mail ends, in which directories."""

    name: str
    port: int
    pids: tuple[int, ...]
    folders: Callable[[], list[Path]]

    def stored(self) -> int:
        """So many messages so far."""
        return sum(1 for folder in self.folders() if folder.exists() for _ in folder.iterdir())

    def verified(self) -> int:
        """So many of them with a pass of DKIM."""
        files = [file for folder in self.folders() if folder.exists() for file in folder.iterdir()]
        return sum(b"dkim=pass" in file.read_bytes()[:4096] for file in files)

    def cpu_s(self) -> float:
        """Of all its processes, those that have ended too."""
        total = 0.0
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                spent = process.cpu_times()
                total += spent.user + spent.system + spent.children_user + spent.children_system
        return total

    def memory_mb(self) -> float:
        """Together, what is shared counted once."""
        total = 0
        for process in self._processes():
            with contextlib.suppress(OSError):
                total += gauge.memory(process.pid).pss
        return total / 1024

    def _processes(self) -> list[psutil.Process]:
        found = [psutil.Process(pid) for pid in self.pids]
        return [*found, *(child for one in found for child in one.children(recursive=True))]

    def once(self, plan: Plan) -> tuple[Figures, float]:
        """One timed run until all is where it ends; so many per second that way. Raises: Lost."""
        plan = plan._replace(port=self.port)
        with load("tests.bench.load", plan) as process:
            there, before, began = self.stored(), self.cpu_s(), time.monotonic()
            assert process.stdout is not None
            tell(process.stdin, "go")
            line = process.stdout.readline()
            told = json.loads(line) if line else {"sent": 0}
            while self.stored() < there + told["sent"] and time.monotonic() < began + PATIENCE_S:
                time.sleep(0.02)
            took, spent, kept = time.monotonic() - began, self.cpu_s() - before, self.stored() - there
        if kept < plan.count:
            raise Lost(f"{self.name}: {kept} of {plan.count} messages were stored")
        return figures(plan, told, told["wall"], {self.name: spent}), plan.count / took


@contextlib.contextmanager
def plain(tree: Path, name_server: str) -> Iterator[Other]:
    """The handler of `baseline_aiosmtpd`."""
    argv = [sys.executable, "-m", "tests.bench.baseline_aiosmtpd", str(tree), name_server]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        try:
            yield Other("aiosmtpd + dkimpy + pyspf", port, (process.pid,), lambda: [tree / "new"])
        finally:
            process.kill()


@contextlib.contextmanager
def postfix(tree: Path, zone: Zone) -> Iterator[Other]:
    """The pair of `baseline_postfix`."""
    with baseline_postfix.running(tree, zone) as (server, pids):
        folders = [server.mail / name / "new" for name in corpus.MAILBOXES]
        yield Other("Postfix + OpenDKIM", server.port, tuple(pids), lambda: folders)


def show(bench: Bench, quick: bool) -> None:
    """Rows for each size, all servers in turns."""
    rounds, count = (1, 150) if quick else (3, 500)
    shapes = {"1 KB": (1000, corpus.text), "10 KB": (10_000, corpus.alternative)}
    if not quick:
        shapes["100 KB"] = (100_000, corpus.attachment)
    with contextlib.ExitStack() as stack:
        others = [stack.enter_context(plain(bench.tree / "plain", bench.daemon.dns.address))]
        if absent := baseline_postfix.missing():
            TABLE.add(Row(AREA, "Postfix + OpenDKIM", note=f"not measured: {absent}"))
        else:
            bench.tree.chmod(0o755)  # its processes are others
            try:
                others.append(stack.enter_context(postfix(bench.tree / "postfix", bench.corpus.zone())))
            except (SystemExit, OSError, subprocess.SubprocessError) as error:  # a row less, and why
                TABLE.add(Row(AREA, "Postfix + OpenDKIM", note=f"not measured: {error}"))
        print(f"\n{'the same mail to others':<44}{'msg/s':>7}{'CPU ms/m':>10}{'p50 ms':>9}{'p99 ms':>9}{'MB':>7}")
        for name, (size, shape) in shapes.items():
            number = count // 4 if size > 50_000 else count
            plan = Plan(bench.daemon.port, bench.write(f"beside{size}", size, number, shape), 10, number)
            _size(bench, others, name, plan, rounds)
        for other in others:
            print(f"  {other.name}: {other.verified()} of {other.stored()} stored carry a pass of DKIM", flush=True)


def _size(bench: Bench, others: list[Other], name: str, plan: Plan, rounds: int) -> None:
    warm = plan._replace(count=max(plan.senders, plan.count // 10))
    ours: list[Figures] = []
    theirs: dict[Other, list[tuple[Figures, float]]] = {other: [] for other in others}
    for number in range(rounds + 1):  # the first warms caches
        ours.append(bench.once(plan if number else warm))
        for other in list(theirs):
            try:
                theirs[other].append(other.once(plan if number else warm))
            except Lost as lost:
                TABLE.add(Row(AREA, f"{other.name}, {name}", note=f"not measured: {lost}"))
                del theirs[other]
    _add(f"aimx, {name}", medians(ours[1:]), sum(gauge.memory(pid).pss for pid in bench.roles) / 1024, AIMX)
    for other, (_, *runs) in theirs.items():
        ended = sorted(rate for _, rate in runs)[len(runs) // 2]
        note = POSTFIX.format(ended) if other.name.startswith("Postfix") else PLAIN
        _add(f"{other.name}, {name}", medians([run for run, _ in runs]), other.memory_mb(), note)


def _add(name: str, taken: Figures, mb: float, note: str) -> None:
    TABLE.add(Row(AREA, name, taken.rate, taken.cpu_ms, taken.median_ms, taken.p99_ms, mb, note))
    print(
        f"{name:<44}{taken.rate:>7.0f}{taken.cpu_ms:>10.2f}{taken.median_ms:>9.1f}{taken.p99_ms:>9.1f}{mb:>7.1f}",
        flush=True,
    )


if __name__ == "__main__":
    alone(show)
