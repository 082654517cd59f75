"""The traffic of a soak that is told apart by interval: mail in, mail out, and watchers who count what comes in."""

import json
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.bench import load, tell
from tests.bench.corpus import MAILBOXES
from tests.bench.load import Plan as Inbound
from tests.bench.submit import Plan as Outbound
from tests.bench.watchers import Watchers
from tests.soak.stand import HOOKED


class Rates(NamedTuple):
    """Messages per second, and how many watch."""

    inbound: float = 50.0
    outbound: float = 5.0
    watchers: int = 20


class Told(NamedTuple):
    """What the clients of one interval say: counts, milliseconds (median and worst), what watchers saw too little.

    `hooked`: how many of the accepted mails were for the mailbox with the hook.
    """

    accepted: int
    hooked: int
    in_ms: tuple[float, float]
    delivered: int
    out_ms: tuple[float, float]
    unseen: int
    wrong: int


class Traffic:
    """Clients of one daemon; every interval starts and ends its own, so that their own memory says nothing."""

    def __init__(self, port: int, socket: Path, corpus: str, rates: Rates) -> None:
        self._port, self._socket, self._corpus, self._rates = port, str(socket), corpus, rates

    def burst(self, count: int) -> int:
        """So many mails as fast as they are taken; how many were."""
        plan = Inbound(self._port, self._corpus, 10, count)
        with load("tests.bench.load", plan) as process:
            tell(process.stdin, "go")
            return int(_last(process)["sent"])

    @staticmethod
    def hooked(count: int) -> int:
        """How many of so many mails are for the mailbox with the hook: they go round."""
        return len(range(MAILBOXES.index(HOOKED), count, len(MAILBOXES)))

    def interval(self, seconds: float) -> Told:
        """Traffic for so long. Raises: SystemExit when a client gave up."""
        rates = self._rates
        coming, going = int(rates.inbound * seconds), max(1, int(rates.outbound * seconds))
        inbound = Inbound(self._port, self._corpus, 4, coming, mode="fresh", rate=rates.inbound)
        outbound = Outbound(self._socket, "agent0", 1000, 2, going, rates.outbound)
        watching = Watchers(self._socket, rates.watchers, coming, seconds + 60.0)
        with ExitStack() as running:
            parts = [
                running.enter_context(load(f"tests.bench.{module}", plan))
                for module, plan in (("watchers", watching), ("load", inbound), ("submit", outbound))
            ]
            for process in parts:
                tell(process.stdin, "go")
            seen, came, went = (_last(process) for process in parts)
        return Told(
            came["sent"],
            self.hooked(coming),
            (came["median"] * 1000, came["worst"] * 1000),
            going,
            (went["median"] * 1000, went["worst"] * 1000),
            coming - int(seen["least"]),
            int(seen["wrong"]),
        )


def _last(process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"a client of the soak gave up: {process.args}")
    return dict(json.loads(line))
