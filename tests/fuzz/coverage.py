"""Which lines follow each other while a function runs. The same on every Python, and as cheap as a tracer in it can be.

A function that has shown nothing new for long is traced at every sixteenth call only.
"""

import sys
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any

_PATIENCE = 500  # calls
_LINES = 100_000
_SELDOM = 16


class _Seen:
    """One code object: where its lines are numbered from, and how long it has shown nothing new."""

    def __init__(self, code: CodeType, base: int) -> None:
        self.code = code
        self.base = base
        self.quiet = 0
        self.tracer: Any = None


class Coverage:
    """`known` grows with every execution that has shown something new. Until it is `hurried`, each call is traced."""

    def __init__(self, under: tuple[str, ...]) -> None:
        self.known: set[int] = set()
        self.hurried = False
        self._under = under
        self._codes: dict[int, _Seen | None] = {}
        self._hit: set[int] = set()
        self._touched: list[_Seen] = []
        self._last = 0
        self._kept: list[CodeType] = []

    def run(self, function: Callable[[bytes], object], octets: bytes) -> set[int]:
        """The edges of one execution; also when it raises, by `hit`."""
        self._hit.clear()
        self._touched.clear()
        self._last = 0
        before = sys.gettrace()
        sys.settrace(self._called)
        try:
            function(octets)
        finally:
            sys.settrace(before)
        return self._hit

    def learn(self) -> int:
        """How many edges of the last execution are new; they are known then."""
        new = self._hit - self.known
        if new:
            self.known |= new
            for seen in self._touched:
                seen.quiet = 0
        return len(new)

    def _called(self, frame: FrameType, _event: str, _arg: object) -> Any:
        code = frame.f_code
        try:
            seen = self._codes[id(code)]
        except KeyError:
            seen = self._codes[id(code)] = self._first(code)
        if seen is None:
            return None
        seen.quiet += 1
        if self.hurried and seen.quiet > _PATIENCE and seen.quiet % _SELDOM:
            return None
        self._touched.append(seen)
        return seen.tracer

    def _first(self, code: CodeType) -> _Seen | None:
        self._kept.append(code)  # its id is then nobody else's
        if not any(part in code.co_filename for part in self._under):
            return None
        seen = _Seen(code, len(self._kept) * _LINES)
        hit = self._hit

        def lines(frame: FrameType, event: str, _arg: object) -> Any:
            if event == "line":
                here = seen.base + frame.f_lineno
                hit.add(self._last * 1_000_003 ^ here)
                self._last = here
            return lines

        seen.tracer = lines
        return seen
