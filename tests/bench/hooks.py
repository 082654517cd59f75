"""What hooks cost: a burst of mail without them and with one of a second each, and one run by itself.

Run alone: `python -m tests.bench.hooks`.
"""

import os
import signal
import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from tests.bench import corpus, gauge
from tests.bench.bench import Bench, Figures, alone, configuration
from tests.bench.load import Plan

SLOW, NOTHING = '["/bin/sleep", "1"]', '["/bin/true"]'
_TICK = os.sysconf("SC_CLK_TCK")


class Spent(NamedTuple):
    """Seconds of CPU time so far: the front's, the spawner's, and that of hooks that have ended."""

    front: float
    spawner: float
    hooks: float


def show(bench: Bench, quick: bool) -> None:
    """The same mail without hooks and with, until the last hook has ended; then hooks that do nothing."""
    count = 50 if quick else 1000
    mail = Plan(bench.daemon.port, bench.write("hooked", 1000, count, corpus.text), 10, count)
    print(
        f"\nHooks, {count} messages of 1 KB at once, 10 senders (CPU of the daemon per message, while mail comes in):"
    )
    bench.once(mail)
    _print("no hooks", bench.once(mail))
    _adopt(bench, SLOW)
    before, began = _spent(bench), time.monotonic()
    _print("each starts a hook of 1 s", bench.once(mail))
    waiting = _waiting(bench)
    _print("the same again, meanwhile", bench.once(mail._replace(count=count // 2)))
    _drained(bench)
    _summary(bench, before, time.monotonic() - began, f"{waiting} waited after the first of these")
    _adopt(bench, NOTHING)
    before, began = _spent(bench), time.monotonic()
    bench.once(mail._replace(count=count // 2))
    _drained(bench)
    _summary(bench, before, time.monotonic() - began, "of /bin/true")
    _adopt(bench, None)


def _print(name: str, figures: Figures) -> None:
    print(
        f"  {name:<30}{figures.rate:>6.0f} msg/s{figures.cpu_ms:>7.2f} ms/m, median {figures.median_ms:.1f} ms,"
        f" slowest {figures.worst_ms:.0f} ms",
        flush=True,
    )


def _summary(bench: Bench, before: Spent, took_s: float, note: str) -> None:
    after, (runs, times, sandbox) = _spent(bench), _runs(bench)
    front, spawner, hooks = (1000 * (now - then) / runs for now, then in zip(after, before, strict=True))
    print(
        f"    {runs} runs ({sandbox}) in {took_s:.1f} s, {note}; a run takes {times:.1f} ms (median); CPU per run:"
        f" front with its mail {front:.2f} ms, spawner {spawner:.2f} ms, the hook {hooks:.2f} ms",
        flush=True,
    )


def _adopt(bench: Bench, cmd: str | None) -> None:
    """Another hook for every mailbox, or none."""
    hooks = [
        f'[[mailboxes.{name}.hooks]]\nname = "{name}"\nevent = "on_receive"\nfire_on_untrusted = true\ncmd = {cmd}'
        for name in corpus.MAILBOXES
        if cmd is not None
    ]
    with _database(bench) as db:
        db.execute("DELETE FROM jobs")
        db.commit()
    bench.daemon.write_config("hook_thread_budget = 0\n" + configuration() + "\n".join(hooks) + "\n")
    os.kill(bench.daemon.pid, signal.SIGHUP)
    bench.daemon.wait_log("event=config-reloaded")


def _database(bench: Bench) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(bench.daemon.data / ".aimx/state.db", timeout=60))


def _waiting(bench: Bench) -> int:
    with _database(bench) as db:
        (count,) = db.execute("SELECT count(*) FROM jobs WHERE state IN ('pending', 'started')").fetchone()
        return int(count)


def _drained(bench: Bench) -> None:
    while _waiting(bench):
        time.sleep(0.1)


def _runs(bench: Bench) -> tuple[int, float, str]:
    """How many there were, how long they took (median), and what executed them."""
    with _database(bench) as db:
        times = [row[0] for row in db.execute("SELECT duration_ms FROM jobs WHERE state = 'done' AND exit_code = 0")]
    line = next(line for line in reversed(bench.daemon.log) if " sandbox=" in line)
    return len(times), statistics.median(times), line.partition(" sandbox=")[2].partition(" ")[0]


def _spent(bench: Bench) -> Spent:
    spawner = next(pid for pid, role in bench.roles.items() if role == "spawner")
    spent = gauge.cpu({bench.daemon.pid: "front", spawner: "spawner"})
    fields = Path(f"/proc/{spawner}/stat").read_text().rpartition(")")[2].split()
    front = sum(seconds for role, seconds in spent.items() if role.startswith("front"))
    return Spent(front, spent["spawner"], (int(fields[13]) + int(fields[14])) / _TICK)


if __name__ == "__main__":
    alone(show)
