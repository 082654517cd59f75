"""What questions about stored mail cost in small and large mailboxes.

Run alone: `python -m tests.bench.index [--quick] [--scale 1000000]`.

Asked as the daemon asks, thread and look at every file included, the socket not. The least of many runs is what to read
on a shared machine; a bound is 5 ms, and 2 times what the small mailbox takes.
"""

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import trio

from aimx.daemon.mails import StoredMails
from aimx.daemon.storage import Storage, StorageParts
from aimx.mime import frontmatter
from aimx.model.query import Box, Page, Query, Row, Term
from aimx.store import layout
from tests.bench.table import TABLE, quantile
from tests.bench.table import Row as Shown
from tests.harness import owner
from tests.store.parts import opened

BOUND_MS, BOUND_RATIO, BOUND_RATE, FIRST = 5.0, 2.0, 20_000, 1_700_000_000
WORDS = [f"word{number}" for number in range(3000)]
OPS = (Box("ops", owner()),)
Ask = Callable[[StoredMails], Any]


class Run(NamedTuple):
    """One answer: milliseconds by the clock, and of CPU in all threads."""

    wall_ms: float
    cpu_ms: float


Took = dict[str, list[Run]]


def fill(box: Path, count: int) -> None:
    """Messages of 1 KB as the daemon writes them: a third unread, conversations of four, one rare word."""
    generator = random.Random(count)
    box.mkdir(parents=True, mode=0o700)
    for number in range(count):
        stem = layout.stem(FIRST + number * 37, f"Message {number}")
        lines = [" ".join(generator.choices(WORDS, k=10)) for _ in range(8)]
        fields: list[tuple[str, frontmatter.Value]] = [
            ("id", stem), ("message_id", f"{number}@sender.test"), ("thread_id", f"{number // 4:016x}"),
            ("from", "Bench Sender <bench@sender.test>"), ("to", "ops@agent.test"), ("subject", f"Message {number}"),
            ("date", "2026-11-20T10:00:00Z"), ("received_at", "2026-11-20T10:00:00Z"), ("size_bytes", 1000),
            ("in_reply_to", f"{number - number % 4}@sender.test"), ("dkim", "pass"), ("spf", "pass"),
            ("dmarc", "pass"), ("trusted", "true"), ("mailbox", "ops"), ("read", number % 3 > 0),
        ]  # fmt: skip
        rare = ["xylophone"] if number == count // 3 else []
        (box / f"{stem}.md").write_bytes(frontmatter.write(fields, [], "\n".join([*lines, *rare, "invoice"])))


def questions(deep: str, middle: Row, offset: int) -> dict[str, Ask]:
    """What is asked: rows of the table."""

    def find(limit: int = 50, offset: int = 0, cursor: str = "", **query: Any) -> Ask:
        return lambda mails: mails.find(OPS, Query(**query), Page(limit, offset, cursor))

    def words(*texts: str, **query: Any) -> Ask:
        return find(terms=tuple(Term(text) for text in texts), **query)

    reads = iter([True, False] * 1000)
    return {
        "first page": find(),
        "page in the middle, by cursor": find(cursor=deep),
        "page in the middle, by offset": find(offset=offset),
        "counts (MAILBOX-LIST)": lambda mails: mails.counts(OPS),
        "first unread page": find(unread=True),
        "thread": lambda mails: mails.conversation(OPS, middle),
        "search: a word of one message": words("xylophone"),
        "search: a word of every message": words("invoice"),
        "search: a word of some": words("word7"),
        "search: two words, unread": words("invoice", "message", unread=True),
        "search: without a word": find(terms=(Term("word7", negated=True),)),
        "mark read, unread (synced)": lambda mails: mails.mark(OPS[0], middle.id, next(reads)),
        "list after a mark": find(),
    }


def show(tree: Path, quick: bool, scale: int = 0) -> None:
    """All sizes, the smallest and the largest side by side, then building. `scale`: one more size."""
    sizes = sorted({1000, 10_000, scale or 1000, 10_000 if quick else 100_000})
    large = sizes[-1]
    took: dict[int, Took] = {}
    built: dict[int, tuple[float, float]] = {}
    for count in sizes:
        home = tree / str(count)
        fill(home / "data/inbox/ops", count)
        parts = opened(home)
        built[count], took[count] = trio.run(_measure, parts, count, 10 if quick else 40)
        parts.close()
        shutil.rmtree(home)
        _add(count, took[count], built[count])
    print(f"\n{'stored mail, ms (least / median)':<36}{sizes[0]:>16,}{large:>16,}{'ratio':>8}")
    for name, small in took[sizes[0]].items():
        many = took[large][name]
        ratio = min(many).wall_ms / min(small).wall_ms
        marks = " over the bound" if min(many).wall_ms > BOUND_MS else ""
        marks += f" over {BOUND_RATIO:.0f} times" if ratio > BOUND_RATIO else ""
        cells = "".join(
            f"{min(runs).wall_ms:>8.2f} /{statistics.median_low(runs).wall_ms:>6.2f}" for runs in (small, many)
        )
        print(f"{name:<36}{cells}{ratio:>8.2f}{marks}")
    wall, cpu = built[large]
    print(
        f"index built from {large:,} files: {large / wall:,.0f} messages/s by the clock, {cpu / large * 1e6:.0f} µs CPU"
        f" each in two threads (target {BOUND_RATE:,}/s)",
        flush=True,
    )


def _add(count: int, took: Took, built: tuple[float, float]) -> None:
    area = f"Stored mail, {count:,} messages in a mailbox"
    for name, runs in took.items():
        walls = [run.wall_ms for run in runs]
        cpu_ms = statistics.median(run.cpu_ms for run in runs)
        TABLE.add(Shown(area, name, None, cpu_ms, statistics.median(walls), quantile(walls, 0.99)))
    wall, cpu = built
    note = f"{wall:.1f} s in all; target {BOUND_RATE:,}/s"
    TABLE.add(Shown(area, "index built from the files", count / wall, 1000 * cpu / count, note=note))


async def _measure(parts: StorageParts, count: int, rounds: int) -> tuple[tuple[float, float], Took]:
    mails = StoredMails(Storage(parts.committer, lambda: None), lambda _: None)
    begun, spent = time.perf_counter(), time.process_time()
    async for _ in mails.reindex(OPS, whole=True):
        pass
    built = time.perf_counter() - begun, time.process_time() - spent
    deep = await mails.find(OPS, Query(), Page(1, offset=count // 2))
    took: Took = {}
    for name, ask in questions(deep.next, deep.rows[0], count // 2).items():
        runs = []
        for _ in range(rounds + 2):
            begun, spent = time.perf_counter(), time.process_time()
            await ask(mails)
            runs.append(Run((time.perf_counter() - begun) * 1000, (time.process_time() - spent) * 1000))
        took[name] = runs[2:]
    return built, took


def main() -> None:
    """These rows only."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--scale", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="aimx-bench-") as tree:
        show(Path(tree), options.quick, options.scale)


if __name__ == "__main__":
    main()
