"""What one connection meant for each recipient."""

from typing import Literal

import msgspec

Result = Literal["delivered", "failed", "deferred", "unknown"]


class Fate(msgspec.Struct, frozen=True):
    """`final`: no other host may be asked for this recipient. `text` is the server's reply or our reason."""

    result: Result
    text: str
    final: bool = False


class Fates:
    """One for each recipient; the last word counts, until a final one."""

    def __init__(self, number: int) -> None:
        self._known: list[Fate | None] = [None] * number

    def open(self, index: int) -> bool:
        """Whether a recipient has no final fate yet."""
        known = self._known[index]
        return known is None or not known.final

    def note(self, index: int, fate: Fate) -> None:
        """What became of one recipient."""
        if self.open(index):
            self._known[index] = fate

    def close(self, rest: Fate) -> None:
        """The fate of all that none is known of."""
        self._known = [fate or rest for fate in self._known]

    def of(self, index: int) -> Fate:
        """When the dialog is over."""
        fate = self._known[index]
        assert fate is not None
        return fate
