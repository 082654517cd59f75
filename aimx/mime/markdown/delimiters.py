"""Runs of `*`, `_` and `~`: which pairs become emphasis (CommonMark section 6.2, GFM section 6.5). Linear.

A run stays where it stands in the text; what is decided is written into it: the pairs that end in it, what is left of
it as text, the pairs that begin in it.
"""

from aimx.mime.markdown import characters

STRIKE = "~"
_STRIKE_LENGTH = 2
_BOTH_SIDES = 3  # CommonMark rule 9: lengths of runs that are both, modulo this


class Pair:
    """Something with a beginning and an end that can hold other spans."""

    __slots__ = ("close_text", "kind", "open_text", "shown", "target")

    def __init__(self, kind: str, open_text: str, close_text: str, target: object = None) -> None:
        self.kind = kind
        self.open_text = open_text  # how it was written, for where it is too deep to be more than text
        self.close_text = close_text
        self.target = target
        self.shown = True


class Run:
    """One delimiter run."""

    __slots__ = (
        "can_close",
        "can_open",
        "character",
        "closes",
        "count",
        "length",
        "next",
        "opens",
        "order",
        "previous",
    )

    def __init__(self, character: str, length: int, can_open: bool, can_close: bool) -> None:
        self.character = character
        self.length = length
        self.count = length  # not yet used
        self.can_open = can_open
        self.can_close = can_close
        self.closes: list[Pair] = []
        self.opens: list[Pair] = []  # innermost first
        self.order = 0
        self.previous: Run | None = None
        self.next: Run | None = None


def run(text: str, start: int, end: int) -> Run:
    """The run between two positions of a text."""
    before = characters.kind(text[start - 1]) if start else 2
    after = characters.kind(text[end]) if end < len(text) else 2
    left = after == 0 or (after == 1 and before != 0)
    right = before == 0 or (before == 1 and after != 0)
    character = text[start]
    if character == "_":
        return Run(character, end - start, left and (not right or before == 1), right and (not left or after == 1))
    if character == STRIKE and end - start > _STRIKE_LENGTH:
        left = right = False
    return Run(character, end - start, left, right)


class Stack:
    """The delimiter stack: a linked list of the runs that may still pair."""

    def __init__(self) -> None:
        self.last: Run | None = None
        self._first: Run | None = None
        self._orders = 0

    def push(self, item: Run) -> None:
        self._orders += 1
        item.order = self._orders
        item.previous = self.last
        if self.last is None:
            self._first = item
        else:
            self.last.next = item
        self.last = item

    def cut(self, bottom: Run | None) -> None:
        """Forget all runs above this one."""
        self.last = bottom
        if bottom is None:
            self._first = None
        else:
            bottom.next = None

    def _remove(self, item: Run) -> None:
        if item.previous is None:
            self._first = item.next
        else:
            item.previous.next = item.next
        if item.next is None:
            self.last = item.previous
        else:
            item.next.previous = item.previous

    def resolve(self, bottom: Run | None) -> None:
        """Pair the runs above `bottom` and forget them. Each failed look back is remembered and never repeated."""
        floors: dict[tuple[str, bool, int], int] = {}
        lowest = 0 if bottom is None else bottom.order
        closer = self._first if bottom is None else bottom.next
        while closer is not None:
            if not closer.can_close:
                closer = closer.next
                continue
            modulus = closer.length if closer.character == STRIKE else closer.length % _BOTH_SIDES
            key = (closer.character, closer.can_open, modulus)
            opener = _opener(closer, floors.get(key, lowest))
            if opener is None:
                floors[key] = closer.order - 1
                following = closer.next
                if not closer.can_open:
                    self._remove(closer)
                closer = following
            else:
                closer = self._pair(opener, closer)
        self.cut(bottom)

    def _pair(self, opener: Run, closer: Run) -> Run | None:
        if closer.character == STRIKE:
            used, kind = closer.count, "strike"
        else:
            used = 2 if opener.count > 1 and closer.count > 1 else 1
            kind = "strong" if used > 1 else "emphasis"
        pair = Pair(kind, closer.character * used, closer.character * used)
        opener.opens.append(pair)
        closer.closes.append(pair)
        opener.count -= used
        closer.count -= used
        opener.next = closer
        closer.previous = opener
        if not opener.count:
            self._remove(opener)
        if closer.count:
            return closer
        following = closer.next
        self._remove(closer)
        return following


def _opener(closer: Run, floor: int) -> Run | None:
    candidate = closer.previous
    while candidate is not None and candidate.order > floor:
        if candidate.can_open and candidate.character == closer.character and _fit(candidate, closer):
            return candidate
        candidate = candidate.previous
    return None


def _fit(opener: Run, closer: Run) -> bool:
    if closer.character == STRIKE:
        return opener.length == closer.length
    if not (closer.can_open or opener.can_close):
        return True
    return closer.length % _BOTH_SIDES == 0 or (opener.length + closer.length) % _BOTH_SIDES != 0
