"""What is fuzzed: one row per parser, with its oracle. A target's function returns; whatever it raises is a find."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from aimx import limits

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
CORPUS = HERE / "corpus"
FOUND = HERE / "found"
# CPU for an input as large as the bound, on a machine that is busy.
FRONT_S = 1.0  # read where other sessions wait for it
WORKER_S = limits.EXAMINE_S / 4  # at the whole of it a worker is killed
PROGRAM_S = 10.0  # a program of its own, which whoever started it can end


class Frame(NamedTuple):
    """Where a unit is repeated: between these octets. `closing` is repeated as often, after all units."""

    head: bytes = b""
    tail: bytes = b""
    closing: bytes = b""


class Target(NamedTuple):
    """A parser and how to try it.

    `run` is one execution with all its assertions. `under` are the paths whose lines count as coverage. `words` are the
    dictionary. `seeds` are read once. `longest` bounds the mutations, `bound` the octets at which cost is measured:
    the parser's own limit where it has one. `cost` is what is measured, `run` unless given; at the bound it may take
    `within_s` of CPU: FRONT_S, WORKER_S or PROGRAM_S, by who waits for it. `units` are repeated beside the words;
    `nests` are pairs that open and close.
    """

    name: str
    run: Callable[[bytes], object]
    under: tuple[str, ...]
    words: tuple[bytes, ...]
    seeds: Callable[[], Iterable[bytes]]
    longest: int
    bound: int
    cost: Callable[[bytes], object]
    frames: tuple[Frame, ...]
    units: tuple[bytes, ...]
    nests: tuple[tuple[bytes, bytes], ...]
    within_s: float


TARGETS: dict[str, Target] = {}


def target(
    name: str,
    under: str,
    words: bytes,
    *,
    seeds: Callable[[], Iterable[bytes]] = tuple,
    longest: int = 4096,
    bound: int = 65536,
    cost: Callable[[bytes], object] | None = None,
    frames: tuple[Frame, ...] = (Frame(),),
    units: tuple[bytes, ...] = (),
    nests: tuple[tuple[bytes, bytes], ...] = (),
    within_s: float = FRONT_S,
) -> Callable[[Callable[[bytes], object]], Callable[[bytes], object]]:
    """Register a function. In `words` blanks separate, `~` is a blank; `\\r`, `\\n`, `\\t`, `\\0` are themselves."""

    def register(run: Callable[[bytes], object]) -> Callable[[bytes], object]:
        TARGETS[name] = Target(
            name, run, tuple(under.split()), tuple(map(_word, words.split())), seeds, longest, bound, cost or run,
            frames, units, nests, within_s,
        )  # fmt: skip
        return run

    return register


def _word(text: bytes) -> bytes:
    for escape, octet in ((b"~", b" "), (b"\\r", b"\r"), (b"\\n", b"\n"), (b"\\t", b"\t"), (b"\\0", b"\0")):
        text = text.replace(escape, octet)
    return text


def files(*patterns: str, most: int = 8192) -> list[bytes]:
    """The contents of small files below the project's root, in the order of their names."""
    paths = [path for pattern in patterns for path in sorted(ROOT.glob(pattern)) if path.is_file()]
    return [path.read_bytes() for path in paths if path.stat().st_size <= most]


def corpus(name: str) -> list[bytes]:
    """What is committed for a target: its corpus, and the inputs that once broke something."""
    paths = [path for place in (CORPUS, FOUND) for path in sorted((place / name).glob("*")) if path.is_file()]
    return [path.read_bytes() for path in paths]
