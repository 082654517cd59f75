"""The traffic of a soak that is told apart by interval: mail in, mail out, what goes amiss, and watchers who count."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.bench import load, tell
from tests.bench.load import Plan as Inbound
from tests.bench.load import marked
from tests.bench.submit import Plan as Outbound
from tests.bench.watchers import Watchers
from tests.soak import amiss
from tests.soak.stand import SENDER, Stand

KEPT_SHARE = 5  # of so many mails one comes over a connection with TLS that stays for the interval
_PATIENCE_S = 60.0


class Rates(NamedTuple):
    """Messages per second, and how many watch. `amiss`: what is large, or does not go well, a second."""

    inbound: float = 50.0
    outbound: float = 5.0
    amiss: float = 1.0
    watchers: int = 20

    def coming(self, seconds: float) -> tuple[int, int]:
        """How many mails of an interval have a connection each, and how many share kept ones."""
        count = int(self.inbound * seconds)
        return count - count // KEPT_SHARE, count // KEPT_SHARE

    def going(self, seconds: float) -> int:
        """How many mails of an interval are sent."""
        return max(1, int(self.outbound * seconds))

    def strange(self, seconds: float) -> int:
        """How many things of an interval are large, or do not go well."""
        return int(self.amiss * seconds)


class Told(NamedTuple):
    """What the clients of one interval say: counts, messages per second, milliseconds (median and worst), what watchers
    saw too little. Every mail that was taken has one of the `marks`, every one that was sent a subject of `subjects`,
    every one that was refused one of `refused`; `attached` tells large mails and what is attached to them.
    """

    marks: frozenset[str]
    rate: float
    in_ms: tuple[float, float]
    subjects: frozenset[str]
    out_ms: tuple[float, float]
    refused: frozenset[str]
    attached: frozenset[str]
    unseen: int
    wrong: int


class Traffic:
    """Clients of one daemon; every interval starts and ends its own, so that their own memory says nothing."""

    def __init__(self, stand: Stand, rates: Rates) -> None:
        self._port, self._socket = stand.daemon.port, str(stand.daemon.socket)
        self._corpus, self._large, self._digests = stand.corpus_file, stand.large_file, stand.attachments
        self._rates = rates

    def burst(self, count: int) -> frozenset[str]:
        """So many mails as fast as they are taken; their marks."""
        plan = Inbound(self._port, self._corpus, 10, count, mark="burst")
        with load("tests.bench.load", plan) as process:
            tell(process.stdin, "go")
            return _marks(plan, _last(process))

    def interval(self, number: int, seconds: float) -> Told:
        """Traffic for so long. Raises: SystemExit when a client gave up."""
        rates = self._rates
        fresh, kept = rates.coming(seconds)
        share = rates.inbound / KEPT_SHARE
        each = Inbound(self._port, self._corpus, 4, fresh, "fresh", rate=rates.inbound - share, mark=f"each-{number}")
        shared = Inbound(self._port, self._corpus, 2, kept, "kept", True, rate=share, mark=f"kept-{number}")
        outbound = Outbound(self._socket, SENDER, 1000, 2, rates.going(seconds), rates.outbound, f"Letter {number}")
        strange = self.strange(number, seconds)
        coming = fresh + kept + len(amiss.marks(strange))
        watching = Watchers(self._socket, rates.watchers, coming, 3 * seconds + _PATIENCE_S)
        with ExitStack() as running:
            parts = [
                running.enter_context(load(f"tests.{module}", plan))
                for module, plan in (
                    ("bench.watchers", watching), ("bench.load", each), ("bench.load", shared),
                    ("bench.submit", outbound), ("soak.amiss", strange),
                )
            ]  # fmt: skip
            for process in parts:
                tell(process.stdin, "go")
            seen, came, came_kept, went, _ = (_last(process) for process in parts)
        return Told(
            _marks(each, came) | _marks(shared, came_kept) | amiss.marks(strange),
            came["sent"] / came["wall"] + came_kept["sent"] / came_kept["wall"],
            (came["median"] * 1000, max(came["worst"], came_kept["worst"]) * 1000),
            frozenset(f"{outbound.mark} {mail}" for mail in range(outbound.count)),
            (went["median"] * 1000, went["worst"] * 1000),
            amiss.subjects(strange),
            amiss.attachments(strange, self._digests),
            coming - int(seen["least"]),
            int(seen["wrong"]),
        )

    def strange(self, number: int, seconds: float) -> amiss.Plan:
        """What of that interval is large, or does not go well."""
        count = self._rates.strange(seconds)
        first = (number - 1) * count
        return amiss.Plan(self._port, self._socket, SENDER, self._large, first, count, self._rates.amiss)


class Companion:
    """One watcher for the whole of a soak, and what it has seen at the end."""

    def __init__(self, socket: Path, count: int, seconds: float) -> None:
        self._running = ExitStack()
        plan = Watchers(str(socket), 1, count, seconds * 2 + _PATIENCE_S)
        self._process = self._running.enter_context(load("tests.bench.watchers", plan))
        self._count = count
        tell(self._process.stdin, "go")

    def end(self) -> tuple[int, int]:
        """How many mails it was told of too little, and how many events had a number that was wrong."""
        with self._running:
            seen = _last(self._process)
        return self._count - int(seen["least"]), int(seen["wrong"])


def _marks(plan: Inbound, told: dict[str, Any]) -> frozenset[str]:
    if told["sent"] != plan.count:
        raise SystemExit(f"{told['sent']} of {plan.count} messages were accepted")
    return frozenset(marked(plan.mark, index) for index in range(plan.count))


def _last(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a client of the soak gave up: {process.args}")
    return dict(json.loads(line))
