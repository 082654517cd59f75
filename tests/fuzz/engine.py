"""One target: its corpus, mutated as long as wanted, kept where something new was reached, minimised at the end."""

import hashlib
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.fuzz.coverage import Coverage
from tests.fuzz.mutate import Mutator
from tests.fuzz.target import Target, corpus

HANG_S = 60.0  # CPU of one traced execution of some kilobytes
SLOW_S = 2.0  # the same, not traced
_FINDS = 10  # then a target is given up
_ENTRY_OCTETS = 4096  # of one file of the corpus


class Hang(BaseException):
    """An execution that does not end. No parser may catch it."""


class Find(NamedTuple):
    """An input that something is wrong with."""

    octets: bytes
    place: str
    text: str


class Told(NamedTuple):
    """What became of a target. `slowest` is CPU per execution, traced; `finds` are distinct by place."""

    name: str
    executions: int
    edges: int
    new_edges: int
    entries: int
    new_entries: int
    slowest_s: float
    finds: tuple[Find, ...]


class Fuzzer:
    """The corpus of a target and what it covers."""

    def __init__(self, target: Target, seed: int) -> None:
        self.target = target
        self.coverage = Coverage(target.under)
        self.entries: list[bytes] = []
        self.finds: dict[str, Find] = {}
        self.executions = 0
        self.slowest = (0.0, b"")
        self._random = Random(f"{seed}/{target.name}")
        self._mutator = Mutator(self._random, target.words, target.longest)

    def load(self) -> None:
        """Execute what is there already."""
        given = [*corpus(self.target.name), *self.target.seeds(), b""]
        for octets in sorted(set(given), key=lambda octets: (len(octets), octets)):
            self.attempt(octets[: max(self.target.longest, 8192)])
        self.entries = self.entries or [b""]

    def run(self, seconds: float, executions: int | None) -> None:
        """Mutate, until the time has passed or the number is reached."""
        self.coverage.hurried = True
        end = time.monotonic() + seconds
        while time.monotonic() < end and len(self.finds) < _FINDS:
            for _ in range(20):
                if executions is not None and self.executions >= executions:
                    return
                # The younger half is where the frontier is.
                young = self._random.random() < 0.5
                low = len(self.entries) // 2 if young else 0
                one = self.entries[self._random.randrange(low, len(self.entries))]
                self.attempt(self._mutator.mutate(one, self._random.choice(self.entries)))

    def attempt(self, octets: bytes) -> None:
        """One execution; kept when it shows anything new."""
        self.executions += 1
        began = time.process_time()
        find = found(lambda: self.coverage.run(self.target.run, octets))
        took = time.process_time() - began
        if took > self.slowest[0]:
            self.slowest = took, octets
        new = self.coverage.learn()
        if find is None and took > SLOW_S:
            find = _slow(self.target.run, octets)
        if find is not None:
            self.finds.setdefault(find.place, Find(octets, *find[1:]))
        elif new:
            self.entries.append(octets)

    def minimised(self) -> list[bytes]:
        """Few short entries that reach what all of them reach."""
        fresh = Coverage(self.target.under)
        kept = []
        for octets in sorted(self.entries, key=lambda octets: (len(octets), octets)):
            if len(octets) > _ENTRY_OCTETS:
                continue
            failed = found(lambda octets=octets: fresh.run(self.target.run, octets))
            if fresh.learn() and failed is None:
                kept.append(octets)
        return kept


def found(execute: Callable[[], object]) -> Find | None:
    """What an execution raises, as a find without octets."""
    previous = signal.signal(signal.SIGPROF, _stop)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        execute()
    except (Exception, Hang, BaseExceptionGroup) as raised:
        error: BaseException = raised
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        return Find(b"", place, "".join(traceback.format_exception(error)))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)
    return None


def _stop(_number: int, _frame: object) -> None:
    raise Hang(f"more than {HANG_S:.0f} s of CPU")


def _slow(run: Callable[[bytes], object], octets: bytes) -> Find | None:
    began = time.process_time()
    run(octets)
    took = time.process_time() - began
    return Find(octets, "slow", f"{took:.1f} s of CPU for {len(octets)} octets") if took > SLOW_S else None


def shortened(target: Target, find: Find, attempts: int = 400) -> bytes:
    """A shorter input that fails at the same place."""
    octets, size = find.octets, max(1, len(find.octets) // 2)
    while attempts > 0:
        at = 0
        before = len(octets)
        while at < len(octets) and attempts > 0:
            attempts -= 1
            shorter = octets[:at] + octets[at + size :]
            again = found(lambda shorter=shorter: target.run(shorter))
            if again is not None and again.place == find.place:
                octets = shorter
            else:
                at += size
        if size == 1 and len(octets) == before:
            break
        size = max(1, size // 2)
    return octets


def name_of(octets: bytes) -> str:
    """The name of a file of the corpus."""
    return hashlib.sha256(octets).hexdigest()[:12]


def fuzz(target: Target, seconds: float, seed: int, executions: int | None = None) -> tuple[Told, Fuzzer]:
    """All of it for one target."""
    fuzzer = Fuzzer(target, seed)
    fuzzer.load()
    edges, entries = len(fuzzer.coverage.known), len(fuzzer.entries)
    fuzzer.run(seconds, executions)
    finds = tuple(
        Find(shortened(target, find) if find.place != "slow" else find.octets, find.place, find.text)
        for find in fuzzer.finds.values()
    )
    told = Told(
        target.name, fuzzer.executions, len(fuzzer.coverage.known), len(fuzzer.coverage.known) - edges,
        len(fuzzer.entries), len(fuzzer.entries) - entries, fuzzer.slowest[0], finds,
    )  # fmt: skip
    return told, fuzzer
