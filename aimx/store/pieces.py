"""Work on a mailbox in pieces, between which others have their turn."""

from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice

from aimx import limits
from aimx.store.browse import Name


def parts(names: Iterator[tuple[str, Name]], most: int) -> Iterator[dict[str, Name]]:
    """Of a file and a bundle of one name in a part the file; those of different parts are both in it."""
    while listed := list(islice(names, most)):
        yield dict(sorted(listed, key=lambda one: not one[1].bundle))


def for_a_while(stems: deque[str], monotonic: Callable[[], float]) -> Iterator[str]:
    """At least one of what waits, and further ones for SWEEP_S."""
    until = monotonic() + limits.SWEEP_S
    while stems:
        yield stems.popleft()
        if monotonic() > until:
            return
