"""Octets changed at random: deterministic by the generator that is given."""

from collections.abc import Callable, Sequence
from random import Random

_ODD = (b"\0", b"\r\n", b"\n", b"\r", b" ", b"\t", b"\x1b", b"\x7f", b"\x85", b"\xff", b"\xc3", b"\xe2\x80\xae",
        b"\xe2\x80\xa8", b"\xf0\x9f\x8e\x89", b"0", b"-1", b"9" * 20, b'"', b"\\", b"'", b";", b",", b"=",
        b"%")  # fmt: skip


class Mutator:
    """Changes of one target's inputs."""

    def __init__(self, random: Random, words: Sequence[bytes], longest: int) -> None:
        self._random = random
        self._words = [*words, *_ODD]
        self._longest = longest
        self._ways: list[Callable[[bytes, bytes], bytes]] = [
            self._flip, self._word, self._word, self._in_place, self._cut, self._again, self._splice, self._swap,
            self._truncate, self._repeat, self._copy,
        ]  # fmt: skip

    def mutate(self, octets: bytes, other: bytes) -> bytes:
        """One to six changes; `other` is another input, of which pieces may be taken."""
        for _ in range(1 + min(self._random.randrange(6), self._random.randrange(6))):
            octets = self._random.choice(self._ways)(octets, other)
        return octets[: self._longest]

    def _span(self, octets: bytes, most: int = 64) -> tuple[int, int]:
        start = self._random.randrange(len(octets) + 1)
        return start, min(len(octets), start + 1 + self._random.randrange(most))

    def _flip(self, octets: bytes, _: bytes) -> bytes:
        if not octets:
            return bytes([self._random.randrange(256)])
        at = self._random.randrange(len(octets))
        return octets[:at] + bytes([octets[at] ^ 1 << self._random.randrange(8)]) + octets[at + 1 :]

    def _word(self, octets: bytes, _: bytes) -> bytes:
        at = self._random.randrange(len(octets) + 1)
        return octets[:at] + self._random.choice(self._words) + octets[at:]

    def _in_place(self, octets: bytes, _: bytes) -> bytes:
        start, end = self._span(octets, 12)
        return octets[:start] + self._random.choice(self._words) + octets[end:]

    def _cut(self, octets: bytes, _: bytes) -> bytes:
        start, end = self._span(octets)
        return octets[:start] + octets[end:]

    def _again(self, octets: bytes, _: bytes) -> bytes:
        start, end = self._span(octets)
        return octets[:end] + octets[start:end] + octets[end:]

    def _copy(self, octets: bytes, _: bytes) -> bytes:
        start, end = self._span(octets)
        at = self._random.randrange(len(octets) + 1)
        return octets[:at] + octets[start:end] + octets[at:]

    def _splice(self, octets: bytes, other: bytes) -> bytes:
        start, end = self._span(other, 512)
        at = self._random.randrange(len(octets) + 1)
        return octets[:at] + other[start:end] + octets[at:]

    def _swap(self, octets: bytes, other: bytes) -> bytes:
        return octets[: self._random.randrange(len(octets) + 1)] + other[self._random.randrange(len(other) + 1) :]

    def _truncate(self, octets: bytes, _: bytes) -> bytes:
        return octets[: self._random.randrange(len(octets) + 1)]

    def _repeat(self, octets: bytes, _: bytes) -> bytes:
        start, end = self._span(octets, 16)
        times = 1 << self._random.randrange(8)
        return (octets[:end] + octets[start:end] * times + octets[end:])[: self._longest]
