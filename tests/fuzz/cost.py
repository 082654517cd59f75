"""Cost versus length: each unit repeated n, 2n, 4n, 8n times, and the exponent of the CPU time that it takes.

Two things are failures. Super-linear: an exponent over EXPONENT between the last sizes, where the cost at the parser's
own bound would be more than HARMFUL_S. Costly: more at the bound than the target is given, however it grows. Whoever
seems to be either is measured again, each size several times: only what stays counts.
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
_SMALLEST = 16
_TELLING = 3  # points that make an exponent
_TELLING_S = 0.002  # shorter times say nothing about growth
_ENOUGH_S = 0.12  # no larger input is needed to suspect
_PLAIN_S = 0.5  # or to be sure
_REPEATED_S = 2.0  # executions of one size that took as long are not repeated: chance has no part in it
_CONFIRMATIONS = 3

Make = Callable[[int], bytes]
Clock = Callable[[Callable[[bytes], object], bytes, int], float]


class Growth(NamedTuple):
    """How one family grows. `points` are octets and seconds, `within_s` what the target is given at its bound."""

    family: str
    points: tuple[tuple[int, float], ...]
    exponent: float
    at_bound_s: float
    within_s: float

    @property
    def harmful(self) -> bool:
        """Whether it counts as a failure."""
        return self.costly or (self.exponent > EXPONENT and self.at_bound_s > HARMFUL_S)

    @property
    def costly(self) -> bool:
        """Whether it does however it grows."""
        return self.at_bound_s > self.within_s


def families(target: Target, entries: list[bytes]) -> Iterator[tuple[str, Make]]:
    """Makers of inputs of about so many octets."""
    units = [(word, b"") for word in (*target.words, *target.units, *(e for e in entries if 0 < len(e) <= 64)) if word]
    for unit, closing in dict.fromkeys([*target.nests, *units]):
        for frame in target.frames:
            yield _named(unit, closing, frame), _maker(unit, closing or frame.closing, frame)


def _named(unit: bytes, closing: bytes, frame: Frame) -> str:
    shown = ascii(unit)[1:] if len(unit) <= 40 else f"{ascii(unit[:37])[1:]}…"
    return f"{ascii(frame.head[-24:])[1:]} {shown}{' ' + ascii(closing)[1:] if closing else ''}"


def _maker(unit: bytes, closing: bytes, frame: Frame) -> Make:
    def made(size: int) -> bytes:
        times = max(1, (size - len(frame.head) - len(frame.tail)) // (len(unit) + len(closing)))
        return frame.head + unit * times + closing * times + frame.tail

    return made


def _seconds(function: Callable[[bytes], object], octets: bytes, least_of: int) -> float:
    """CPU of the fastest of several executions, collections of garbage not among it: they come when they like."""
    best, total = math.inf, 0.0
    gc.collect()
    gc.disable()
    try:
        for _ in range(least_of):
            began = time.process_time()
            function(octets)
            took = time.process_time() - began
            best, total = min(best, took), total + took
            if total > _REPEATED_S:
                break
    finally:
        gc.enable()
    return best


def measure(target: Target, family: str, make: Make, least_of: int = 1, clock: Clock = _seconds) -> Growth:
    """Sizes from small to the bound, until the cost is plain: sooner, when each size is tried once only.

    Where the cost is plain before there are points enough for an exponent, smaller sizes than the first are measured.
    """
    points: dict[int, float] = {}

    def measured(size: int) -> float:
        octets = make(size)
        points[len(octets)] = took = clock(target.cost, octets, least_of)
        return took

    first = min(_FIRST, max(1, target.bound // 8))
    size = first
    while True:
        took = measured(size)
        if took > target.within_s or (took > _ENOUGH_S if least_of == 1 else took > _PLAIN_S and _enough(points)):
            break
        if size == target.bound:  # nothing is left to be guessed from less
            break
        size = min(2 * size, target.bound)
    size = first // 2
    while size >= _SMALLEST and not _enough(points) and points[min(points)] >= _TELLING_S:
        measured(size)
        size //= 2
    shape = tuple(sorted(points.items()))
    exponent = _exponent(shape)
    octets, seconds = shape[-1]
    at_bound = seconds * max(1.0, target.bound / max(1, octets)) ** max(1.0, exponent)
    return Growth(family, shape, exponent, at_bound, target.within_s)


def _enough(points: dict[int, float]) -> bool:
    return sum(seconds >= _TELLING_S for seconds in points.values()) >= _TELLING


def _exponent(points: tuple[tuple[int, float], ...]) -> float:
    """Between the last telling points. Few of them are those of a leap: where it began counts too, at what it took."""
    telling = [point for point in points if point[1] >= _TELLING_S]
    before = [(octets, max(seconds, 1e-6)) for octets, seconds in points if seconds < _TELLING_S]
    used = telling[-4:] if len(telling) >= _TELLING else [*before[-1:], *telling]
    return _slope(used) if telling and len(used) > 1 else 0.0


def _slope(points: list[tuple[int, float]]) -> float:
    """Of the line through the logarithms, by least squares."""
    across = [math.log(octets) for octets, _ in points]
    up = [math.log(seconds) for _, seconds in points]
    middle, height = sum(across) / len(across), sum(up) / len(up)
    spread = sum((x - middle) ** 2 for x in across)
    return sum((x - middle) * (y - height) for x, y in zip(across, up, strict=True)) / spread if spread else 0.0


def judged(target: Target, family: str, make: Make, clock: Clock = _seconds) -> Growth:
    """Measured, and if that looks harmful measured again with more care. What raises is harmful without an exponent."""
    growth = _measured(target, family, make, 1, clock)
    for _ in range(_CONFIRMATIONS):
        if not growth.harmful or not math.isfinite(growth.at_bound_s):
            break
        growth = _measured(target, family, make, 4, clock)
    return growth


def _measured(target: Target, family: str, make: Make, least_of: int, clock: Clock) -> Growth:
    grown: list[Growth] = []
    failed = found(lambda: grown.append(measure(target, family, make, least_of, clock)))
    if failed is None:
        return grown[0]
    return Growth(f"{family}: {failed.place}", ((0, math.inf),), math.inf, math.inf, target.within_s)


def table(target: Target, entries: list[bytes], seconds: float, seed: int) -> tuple[list[Growth], int]:
    """What grows, the worst first; and how many families there are, of which time may have left some out."""
    everything = list(families(target, entries))
    Random(f"{seed}/{target.name}/cost").shuffle(everything)
    gc.collect()
    gc.freeze()  # what is there already is not looked at again each time
    end = time.monotonic() + seconds
    grown: list[Growth] = []
    for family, make in everything:
        if time.monotonic() > end:
            break
        grown.append(judged(target, family, make))
    grown.sort(key=lambda one: (one.harmful, one.at_bound_s), reverse=True)
    return grown, len(everything)
