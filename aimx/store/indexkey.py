"""Numbers of index rows, in the order of their ids: where a page or a search begins is arithmetic, never a sort.

A number is the box, the second that the id's name tells, and a counter within them. Computes only.
"""

import base64
import binascii
import bisect
import re
from calendar import timegm
from functools import lru_cache
from typing import NamedTuple

import msgspec

from aimx.errors import Refused
from aimx.store import layout

BOXES = 2**16
SECONDS = 2**32  # until 2106
COUNTED = 2**16  # messages of one second in one box that keep the order; more are numbered after all others
_NAMED = SECONDS - 2**12  # names that sort after all times; room for 268 million of them
_BOX_SPAN = SECONDS * COUNTED
_LOWEST = -(2**63)
BOX_OF_ID = "(id >> 48) + 32768"  # in SQL: the box that a number was given in
_TIMED = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)(\d\d)(\d\d)(?:-|\Z)", re.ASCII)


class Key(NamedTuple):
    """Where a row stands: newest id first, then by mailbox and folder."""

    stem: str
    mailbox: str
    folder: str

    def __lt__(self, other: object) -> bool:
        assert isinstance(other, Key)
        if self.stem != other.stem:
            return self.stem > other.stem
        return (self.mailbox, self.folder) < (other.mailbox, other.folder)


def told(stem: str) -> int | None:
    """The second that an id of ours tells; None: the name was somebody else's idea."""
    match = _TIMED.match(stem)
    if match is None:
        return None
    day, hour, minute, second = _day(match[1]), int(match[2]), int(match[3]), int(match[4])
    if day is None or hour > 23 or minute > 59 or second > 59:
        return None
    return day + hour * 3600 + minute * 60 + second


@lru_cache(maxsize=64)
def _day(text: str) -> int | None:
    year, month, day = int(text[:4]), int(text[5:7]), int(text[8:])
    if not 1970 <= year <= 2105 or not 1 <= month <= 12 or not 1 <= day <= 31:
        return None
    at = timegm((year, month, day, 0, 0, 0))
    return at if prefix(at)[:10] == text else None


def prefix(second: int) -> str:
    """What the ids of a second begin with."""
    return layout.second(second)


def place(stem: str) -> int:
    """The second among which a name is numbered: never later for a name that sorts lower."""
    at = told(stem)
    if at is not None:
        return at
    return min(max(0, bisect.bisect_right(range(SECONDS), stem, key=prefix) - 1), _NAMED)


def first(box: int, second: int = 0) -> int:
    """The lowest number of a box, or of a second of it."""
    return _LOWEST + box * _BOX_SPAN + second * COUNTED


def last(box: int, second: int = SECONDS - 1) -> int:
    """The highest number of a box, or of a second of it."""
    return first(box, second) + COUNTED - 1


def second_of(number: int) -> int:
    """The second among which a number was given."""
    return (number - _LOWEST) % _BOX_SPAN // COUNTED


def cursor(key: Key) -> str:
    """A place between rows as clients carry it."""
    return base64.urlsafe_b64encode(msgspec.json.encode(tuple(key))).decode().rstrip("=")


def read_cursor(text: str) -> Key:
    """Raises: Refused."""
    try:
        octets = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        return Key(*msgspec.json.decode(octets, type=tuple[str, str, str]))
    except (binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Refused("this is not a cursor of a page") from error
