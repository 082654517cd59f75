"""`nox -s soak`: an hour of mixed traffic on one daemon; memory, descriptors and latency have to stay as they are.

Prints a line per interval and a verdict; its exit code is 1 when something grew, or was lost. `--seconds` shortens it.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import psutil

from aimx import limits
from tests import evidence
from tests.bench import corpus, gauge
from tests.bench.__main__ import machine
from tests.mcp.talk import environment
from tests.root import users
from tests.soak import amiss, sample
from tests.soak.agents import Agents
from tests.soak.stand import Stand
from tests.soak.traffic import KEPT_SHARE, Companion, Rates, Told, Traffic

HOUR_S, LINES, FEW_LINES = 3600.0, 30, 10
SETTLE_S = 2.0  # longer than the daemon takes to see that a client has gone
WARM = 8000  # mails before the first interval: what is cached of an index is, afterwards
PACE_S = 30.0  # an interval that is shorter says how fast its clients start
WAL = 2 * limits.STATE_WAL_OCTETS
_EVIDENCE = evidence.EVIDENCE / "soak"
AGENTS = 2
_HEAD = f"{'min':>5}{'in':>7}{'p50 ms':>8}{'max':>7}{'out':>6}{'p50 ms':>8}{'hooks':>8}{'waiting':>8}{'CPU %':>7}"


class Interval(NamedTuple):
    """What one interval came to."""

    told: Told
    held: sample.Sample
    cpu_share: float


class Soak:
    """One run."""

    def __init__(self, stand: Stand, seconds: float, rates: Rates) -> None:
        self._lines = LINES if seconds >= LINES * PACE_S else FEW_LINES
        self._stand, self._each_s, self._rates = stand, seconds / self._lines, rates
        self._traffic = Traffic(stand, rates)
        self.done: list[Interval] = []
        self._marks: set[str] = set()
        self._subjects: set[str] = set()
        self._refused: set[str] = set()
        self._attached: set[str] = set()

    def run(self, agents: Agents) -> None:
        """Fill what fills once, then all intervals, one line each."""
        self._marks |= self._traffic.burst(WARM)
        numbers = range(1, self._lines + 1)
        large = sum(len(amiss.marks(self._traffic.strange(number, self._each_s))) for number in numbers)
        coming = self._lines * sum(self._rates.coming(self._each_s)) + large
        self._companion = Companion(self._stand.daemon.socket, coming, self._lines * self._each_s)
        print(f"\n{_HEAD}   PSS MB by role, descriptors of the front", flush=True)
        for number in numbers:
            before, began = self._cpu(), time.monotonic()
            told = self._traffic.interval(number, self._each_s)
            took = time.monotonic() - began
            processes = {**self._stand.roles(), **agents.pids(), os.getpid(): "soak"}
            with agents.resting():
                held = sample.settled(processes, SETTLE_S)
            self.done.append(Interval(told, held, (self._cpu() - before) / took))
            self._marks |= told.marks
            self._subjects |= told.subjects
            self._refused |= told.refused
            self._attached |= told.attached
            self._line(number, self.done[-1])

    def _cpu(self) -> float:
        return sum(gauge.cpu(self._stand.roles()).values())

    def _line(self, number: int, done: Interval) -> None:
        told, held = done.told, done.held
        ran, waiting = self._stand.ran().total(), self._stand.waiting()
        sizes = "  ".join(f"{role} {kb / 1024:.0f}" for role, kb in held.pss.items() if role != "soak")
        print(
            f"{number * self._each_s / 60:>5.1f}{len(told.marks):>7}{told.in_ms[0]:>8.1f}{told.in_ms[1]:>7.0f}"
            f"{len(told.subjects):>6}{told.out_ms[0]:>8.1f}{ran:>8}{waiting:>8}{100 * done.cpu_share:>7.0f}"
            f"   {sizes}, {held.descriptors.get('front', 0)}",
            flush=True,
        )

    def verdict(self, agents: Agents) -> list[str]:
        """What was not as it has to be."""
        waiting = self._stand.drained()
        lost = [*agents.broken, *self._counted(), *self._watched()]
        if waiting:
            lost.append(f"{waiting} runs of the hook never came")
        if lost:
            evidence.leave(_EVIDENCE, "".join(f"{line}\n" for line in lost))
        print(f"  {agents.calls} calls of {AGENTS} agents")
        return [*lost, *self._grown(), *self._left()]

    def _counted(self) -> list[str]:
        """Everything that was promised is there once."""
        ids = self._stand.hooked()
        ended = {*(f"delivered {one}" for one in self._subjects), *(f"failed {one}" for one in self._refused)}
        return [
            *_differences("messages", self._marks, self._stand.stored()),
            *_differences("attachments", self._attached, self._stand.attached()),
            *_differences("records of sent mail", ended, self._stand.recorded()),
            *_differences("arrivals at the other server", self._subjects, self._stand.arrived()),
            *_differences("runs of the hook", set(ids), self._stand.ran()),
            *_differences("messages of the hook", set(ids), ids),
        ]

    def _watched(self) -> list[str]:
        seen = [self._companion.end(), *((one.told.unseen, one.told.wrong) for one in self.done)]
        missed, numbers = sum(unseen for unseen, _ in seen), sum(wrong for _, wrong in seen)
        print(f"  watchers missed {missed}, {numbers} numbers were wrong")
        return [f"watchers missed {missed}, {numbers} numbers were wrong"] if missed or numbers else []

    def _grown(self) -> list[str]:
        """What grew, got slower, or is gone."""
        samples = [one.held for one in self.done]
        found = [f"no {role} is left" for role in sample.gone(samples)]
        bounds = sample.HOUR if self._each_s >= PACE_S else sample.MINUTE
        for drift in (*sample.drifts(samples, bounds), *self._paces()):
            if not drift.name.startswith("soak "):
                sign = "flat " if drift.flat else "GREW "
                print(f"  {sign}{drift.name:<24}{drift.before:>10.6g} -> {drift.after:.6g} (at most {drift.most:.6g})")
                found += [] if drift.flat else [f"{drift.name} grew from {drift.before:.6g} to {drift.after:.6g}"]
        return found

    def _paces(self) -> list[sample.Drift]:
        """What mail costs and how long it takes, early and late; nothing where intervals are too short to tell."""
        if self._each_s < PACE_S:
            return []
        share = [100 * one.cpu_share for one in self.done]
        behind = [max(0.0, self._rates.inbound - one.told.rate) for one in self.done]
        return [
            sample.drift("receiving, median ms", [one.told.in_ms[0] for one in self.done], 1.5, 10, statistics.median),
            sample.drift("sending, median ms", [one.told.out_ms[0] for one in self.done], 1.5, 20, statistics.median),
            sample.drift("processor time, %", share, 1.25, 5, statistics.median),
            sample.drift("behind the rate, /s", behind, 0, 2, statistics.median),
        ]

    def _left(self) -> list[str]:
        """Complaints of the daemon, helpers that were replaced, and what fills the disk."""
        found = [f"the log says: {line}" for line in self._stand.complaints()[:5]]
        if (more := self._stand.started() - self._stand.helpers) > 0:
            found.append(f"{more} helpers had to be started again")
        disk = self._stand.disk()
        print("  " + ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in disk.items() if "." in name))
        found += [f"{name} has {disk[name]} octets" for name in disk if name.endswith("-wal") and disk[name] > WAL]
        return found + [f"{disk[name]} entries in {name}" for name in ("staging", "spool") if disk[name]]


def _differences(what: str, owed: set[str], there: Counter[str]) -> list[str]:
    """Missing, doubled and unknown ones."""
    missing, strange = owed - set(there), set(there) - owed
    doubled = [name for name, count in there.items() if count > 1]
    print(f"  {what}: {len(owed)} promised, {there.total()} found, {len(missing)} lost, {len(doubled)} doubled")
    told = (("lost", missing), ("doubled", doubled), ("nobody asked for", strange))
    return [f"{what}, {word}: {len(names)}, as {min(names)}" for word, names in told if names]


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--seconds", type=float, default=HOUR_S, help="how long altogether (3600)")
    seconds = parser.parse_args().seconds
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # the daemon and its helpers end with it
    evidence.forget(_EVIDENCE)
    if os.geteuid() == 0:
        users.need_worker()
    with tempfile.TemporaryDirectory(prefix="aimx-soak-") as tree:
        print(machine(Path(tree)))
        rates = Rates()
        print(
            f"{seconds:.0f} s: {rates.inbound:.0f} mails/s in, one in {KEPT_SHARE} by TLS, {rates.outbound:.0f}/s out,"
            f" {rates.amiss:.0f}/s large or amiss, a hook for every mail of one mailbox of {len(corpus.MAILBOXES)},"
            f" {rates.watchers} watchers, {AGENTS} agents"
        )
        with Stand(Path(tree)) as stand, Agents(AGENTS, environment(stand.daemon.run)) as agents:
            soak = Soak(stand, seconds, rates)
            soak.run(agents)
            wrong = soak.verdict(agents)
        left = [child for child in psutil.Process().children() if child.is_running()]
        wrong += [f"still running: {child.cmdline()}" for child in left]
    for line in wrong:
        print(f"WRONG: {line}")
    print("flat, nothing lost" if not wrong else f"{len(wrong)} things are wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
