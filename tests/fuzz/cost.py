"""Cost versus length: each unit repeated n, 2n, 4n, 8n times, and the exponent of the CPU time that it takes.

Super-linear is an exponent over EXPONENT between the last sizes, where the cost at the parser's own bound would be more
than HARMFUL_S. Whoever seems to be that is measured again, each size several times: only what stays counts.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from tests.fuzz.engine import found
from tests.fuzz.target import Frame, Target

EXPONENT = 1.3
HARMFUL_S = 0.5  # at the bound; less is a step of caches and allocators as often as growth
_FIRST = 2048  # octets
_TELLING_S = 0.002  # shorter times say nothing about growth
_ENOUGH_S = 0.12  # no larger input is needed to suspect
_PLAIN_S = 0.5  # or to be sure
_CONFIRMATIONS = 3


class Growth(NamedTuple):
    """How one family grows. `points` are octets and seconds."""

    family: str
    points: tuple[tuple[int, float], ...]
    exponent: float
    at_bound_s: float

    @property
    def harmful(self) -> bool:
        """Whether it counts as a failure."""
        return self.exponent > EXPONENT and self.at_bound_s > HARMFUL_S


def families(target: Target, entries: list[bytes]) -> Iterator[tuple[str, Callable[[int], bytes]]]:
    """Makers of inputs of about so many octets."""
    units = [(word, b"") for word in (*target.words, *target.units, *(e for e in entries if 0 < len(e) <= 64)) if word]
    for unit, closing in dict.fromkeys([*target.nests, *units]):
        for frame in target.frames:
            yield _named(unit, closing, frame), _maker(unit, closing or frame.closing, frame)


def _named(unit: bytes, closing: bytes, frame: Frame) -> str:
    shown = ascii(unit)[1:] if len(unit) <= 40 else f"{ascii(unit[:37])[1:]}…"
    return f"{ascii(frame.head[-24:])[1:]} {shown}{' ' + ascii(closing)[1:] if closing else ''}"


def _maker(unit: bytes, closing: bytes, frame: Frame) -> Callable[[int], bytes]:
    def made(size: int) -> bytes:
        times = max(1, (size - len(frame.head) - len(frame.tail)) // (len(unit) + len(closing)))
        return frame.head + unit * times + closing * times + frame.tail

    return made


def _seconds(function: Callable[[bytes], object], octets: bytes, least_of: int) -> float:
    """CPU of the fastest of several executions, collections of garbage not among it: they come when they like."""
    best = math.inf
    gc.collect()
    gc.disable()
    try:
        for _ in range(least_of):
            began = time.process_time()
            function(octets)
            best = min(best, time.process_time() - began)
    finally:
        gc.enable()
    return best


def measure(target: Target, family: str, make: Callable[[int], bytes], least_of: int = 1) -> Growth:
    """Sizes from small to the bound, until the cost is plain: sooner, when each size is tried once only."""
    enough_s = _ENOUGH_S if least_of == 1 else _PLAIN_S
    points: list[tuple[int, float]] = []
    size = min(_FIRST, max(1, target.bound // 8))
    while size <= target.bound:
        octets = make(size)
        points.append((len(octets), _seconds(target.cost, octets, least_of)))
        if points[-1][1] > enough_s:
            break
        size *= 2
    telling = [point for point in points if point[1] >= _TELLING_S][-4:]
    exponent = _slope(telling) if len(telling) >= 3 and telling[-1][0] > telling[0][0] else 0.0
    octets, seconds = points[-1]
    at_bound = seconds * max(1.0, target.bound / max(1, octets)) ** max(1.0, exponent)
    return Growth(family, tuple(points), exponent, at_bound)


def _slope(points: list[tuple[int, float]]) -> float:
    """Of the line through the logarithms, by least squares."""
    across = [math.log(octets) for octets, _ in points]
    up = [math.log(seconds) for _, seconds in points]
    middle, height = sum(across) / len(across), sum(up) / len(up)
    spread = sum((x - middle) ** 2 for x in across)
    return sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True)) / spread if spread else 0.0


def table(target: Target, entries: list[bytes], seconds: float, seed: int) -> tuple[list[Growth], int, int]:
    """What grows, the worst first; how many families were measured, and how many there are."""
    everything = list(families(target, entries))
    Random(f"{seed}/{target.name}/cost").shuffle(everything)
    gc.collect()
    gc.freeze()  # what is there already is not looked at again each time
    end = time.monotonic() + seconds
    grown: list[Growth] = []
    for family, make in everything:
        if time.monotonic() > end:
            break
        failed = found(lambda family=family, make=make: grown.append(measure(target, family, make)))
        if failed is not None:
            grown.append(Growth(f"{family}: {failed.place}", ((0, math.inf),), math.inf, math.inf))
            continue
        for _ in range(_CONFIRMATIONS):
            if not grown[-1].harmful:
                break
            grown[-1] = measure(target, family, make, 4)
    grown.sort(key=lambda one: (one.harmful, one.at_bound_s), reverse=True)
    return grown, len(grown), len(everything)
