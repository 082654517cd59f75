"""Tags are bare SemVer 2.0.0: which strings are, and which comes before which (section 11). Computes; asks nothing."""

import re
from functools import total_ordering
from typing import NamedTuple

from aimx import limits

_NUMBER = r"0|[1-9][0-9]*"
_IDENTIFIER = rf"(?:{_NUMBER}|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_TAG = re.compile(
    rf"({_NUMBER})\.({_NUMBER})\.({_NUMBER})"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


class _Identifier(NamedTuple):
    """Of a pre-release. Numbers come before words, and compare as numbers; field order is order."""

    word: bool
    number: int
    text: str


@total_ordering
class Version:
    """What of a tag decides its precedence: build metadata does not."""

    def __init__(self, numbers: tuple[int, int, int], before: tuple[_Identifier, ...]) -> None:
        self.numbers, self.before = numbers, before

    @property
    def _key(self) -> tuple[tuple[int, int, int], bool, tuple[_Identifier, ...]]:
        return self.numbers, not self.before, self.before  # a release comes after its pre-releases

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._key == other._key

    def __lt__(self, other: "Version") -> bool:
        return self._key < other._key

    def __hash__(self) -> int:
        return hash(self._key)


def version(tag: str) -> Version | None:
    """The version that a tag names; None for what is no SemVer."""
    found = _TAG.fullmatch(tag) if len(tag) <= limits.RELEASE_TAG_CHARACTERS else None
    if found is None:
        return None
    words = found[4].split(".") if found[4] is not None else []
    before = tuple(_Identifier(False, int(one), "") if one.isdigit() else _Identifier(True, 0, one) for one in words)
    return Version((int(found[1]), int(found[2]), int(found[3])), before)


def bare(tag: str) -> str:
    """The tag without the `v` that some people write before a version."""
    return tag[1:] if tag[:1] in ("v", "V") and tag[1:2].isdigit() else tag
