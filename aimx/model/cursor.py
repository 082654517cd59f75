"""A place in the event log, as a client keeps it between two connections."""

import re
from typing import NamedTuple

_TEXT = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,17})", re.ASCII)


class Cursor(NamedTuple):
    """After the event `seq` of the log `epoch`. A log that was lost and begun anew has another epoch."""

    epoch: str
    seq: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.seq}"


def parse(text: str) -> Cursor | None:
    """The cursor that a text is; None: it is none."""
    found = _TEXT.fullmatch(text)
    return Cursor(found[1], int(found[2])) if found else None
