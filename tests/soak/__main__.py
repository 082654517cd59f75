"""`nox -s soak`: an hour of mixed traffic on one daemon; memory, descriptors and latency have to stay as they are.

Prints a line per interval and a verdict; its exit code is 1 when something grew, or was lost. `--seconds` shortens it.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import psutil

from tests.bench import corpus, gauge
from tests.bench.__main__ import machine
from tests.mcp.talk import environment
from tests.root import users
from tests.soak import sample
from tests.soak.agents import Agents
from tests.soak.stand import Stand
from tests.soak.traffic import Rates, Told, Traffic

HOUR_S, LINES = 3600.0, 30
WARM = 8000  # mails before the first interval: what is cached of an index is, afterwards
AGENTS = 2
_HEAD = f"{'min':>5}{'in':>7}{'p50 ms':>8}{'max':>7}{'out':>6}{'p50 ms':>8}{'hooks':>8}{'waiting':>8}{'CPU %':>7}"


class Interval(NamedTuple):
    """What one interval came to."""

    told: Told
    held: sample.Sample
    cpu_share: float


class Soak:
    """One run."""

    def __init__(self, stand: Stand, seconds: float) -> None:
        self._stand, self._each_s = stand, seconds / LINES
        self._count = LINES
        self._traffic = Traffic(stand.daemon.port, stand.daemon.socket, stand.corpus_file, Rates())
        self.done: list[Interval] = []
        self._before = 0

    def warm(self) -> None:
        """Fill what fills once."""
        self._before = self._traffic.burst(WARM)

    def run(self, agents: Agents) -> None:
        """All intervals, one line each."""
        print(f"\n{_HEAD}   PSS MB by role, descriptors of the front", flush=True)
        for number in range(1, self._count + 1):
            before, began = self._cpu(), time.monotonic()
            told = self._traffic.interval(self._each_s)
            took = time.monotonic() - began
            held = sample.take({**self._stand.roles(), **agents.pids(), os.getpid(): "soak"})
            self.done.append(Interval(told, held, (self._cpu() - before) / took))
            self._line(number, self.done[-1])

    def _cpu(self) -> float:
        return sum(gauge.cpu(self._stand.roles()).values())

    def _line(self, number: int, done: Interval) -> None:
        told, held = done.told, done.held
        ran, waiting = self._stand.hooks()
        sizes = "  ".join(f"{role} {kb / 1024:.0f}" for role, kb in held.pss.items() if role != "soak")
        print(
            f"{number * self._each_s / 60:>5.1f}{told.accepted:>7}{told.in_ms[0]:>8.1f}{told.in_ms[1]:>7.0f}"
            f"{told.delivered:>6}{told.out_ms[0]:>8.1f}{ran:>8}{waiting:>8}{100 * done.cpu_share:>7.0f}"
            f"   {sizes}, {held.descriptors.get('front', 0)}",
            flush=True,
        )

    def _paces(self) -> list[sample.Drift]:
        """What a mail costs and how long it takes, early and late."""
        share = [100 * one.cpu_share for one in self.done]
        return [
            sample.drift("median of receiving, ms", [one.told.in_ms[0] for one in self.done], 1.5, 10),
            sample.drift("median of sending, ms", [one.told.out_ms[0] for one in self.done], 1.5, 20),
            sample.drift("processor time, %", share, 1.25, 5),
        ]

    def verdict(self, agents: Agents) -> list[str]:
        """What was not as it has to be."""
        wrong = list(agents.broken)
        for drift in (*sample.drifts([one.held for one in self.done]), *self._paces()):
            if not drift.name.startswith("soak "):
                sign = "flat " if drift.flat else "GREW "
                print(f"  {sign}{drift.name:<24}{drift.before:>10.6g} -> {drift.after:.6g} (at most {drift.most:.6g})")
                wrong += [] if drift.flat else [f"{drift.name} grew from {drift.before:.0f} to {drift.after:.0f}"]
        accepted = self._before + sum(one.told.accepted for one in self.done)
        sent = sum(one.told.delivered for one in self.done)
        unseen, doubled = (sum(getattr(one.told, what) for one in self.done) for what in ("unseen", "wrong"))
        stored, recorded = self._stand.stored(), self._stand.recorded()
        ran, waiting = self._stand.drained()
        wanted = self._traffic.hooked(self._before) + sum(one.told.hooked for one in self.done)
        print(f"  accepted {accepted}, stored {stored}; sent {sent}, recorded as delivered {recorded}")
        print(f"  hooks: {wanted} promised, {ran} ran, {waiting} waiting; watchers missed {unseen}, {doubled} wrong")
        print(f"  {agents.calls} calls of {AGENTS} agents")
        for what, have, want in (
            ("stored messages", stored, accepted), ("records of deliveries", recorded, sent),
            ("hook runs", ran, wanted), ("mails a watcher did not see", unseen, 0), ("wrong event numbers", doubled, 0),
        ):  # fmt: skip
            if have != want:
                wrong.append(f"{what}: {have}, not {want}")
        return wrong


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="nox -s soak --", description=__doc__)
    parser.add_argument("--seconds", type=float, default=HOUR_S, help="how long altogether (3600)")
    seconds = parser.parse_args().seconds
    if os.geteuid() == 0:
        users.need_worker()
    with tempfile.TemporaryDirectory(prefix="aimx-soak-") as tree:
        print(machine(Path(tree)))
        rates = Rates()
        print(
            f"{seconds:.0f} s: {rates.inbound:.0f} mails/s in, {rates.outbound:.0f}/s out, a hook for every mail of one"
            f" mailbox of {len(corpus.MAILBOXES)}, {rates.watchers} watchers, {AGENTS} agents"
        )
        with Stand(Path(tree)) as stand, Agents(AGENTS, environment(stand.daemon.run)) as agents:
            soak = Soak(stand, seconds)
            soak.warm()
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
