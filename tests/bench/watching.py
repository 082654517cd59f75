"""What a hundred watchers cost while mail arrives; run alone: `python -m tests.bench.watching`."""

import json

from tests.bench import corpus
from tests.bench.bench import Bench, Figures, alone, load, tell
from tests.bench.load import Plan
from tests.bench.table import TABLE, Row
from tests.bench.watchers import Watchers

NUMBER, RATE = 100, 200.0


def show(bench: Bench, quick: bool) -> None:
    """The same mail without watchers and with, one of them stalled."""
    seconds = 3 if quick else 10
    count = int(RATE * seconds)
    mail = Plan(bench.daemon.port, bench.write("watched", 1000, 200, corpus.text), 10, count, rate=RATE)
    print(f"\nWatchers, {RATE:.0f} messages/s of 1 KB for {seconds} s (CPU of the daemon, and of its front):")
    bench.once(mail._replace(count=200))
    _print("nobody watches", bench.once(mail))
    with load("tests.bench.watchers", Watchers(str(bench.daemon.socket), NUMBER, count)) as watching:
        tell(watching.stdin, "go")
        _print(f"{NUMBER} watch, one more is stalled", bench.once(mail))
        assert watching.stdout is not None
        told = json.loads(watching.stdout.readline())
    print(
        f"  each saw {told['least']:.0f} to {told['most']:.0f} of {count}, {told['wrong']:.0f} twice or out of order;"
        f" their own process took {told['cpu']:.1f} s",
        flush=True,
    )


def _print(name: str, figures: Figures) -> None:
    main = figures.by_role["front main"]
    area = f"Receiving 1 KB at {RATE:.0f}/s with watchers"
    TABLE.add(Row(area, name, figures.rate, figures.cpu_ms, figures.median_ms, figures.p99_ms))
    print(
        f"  {name:<34}{figures.rate:>6.0f} msg/s{figures.cpu_ms:>7.2f} ms/m, front {main:.2f} ms/m,"
        f" slowest {figures.worst_ms:.0f} ms",
        flush=True,
    )


if __name__ == "__main__":
    alone(show)
