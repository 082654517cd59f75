"""The cost of Python code in lines that are run: the same on every machine, and endless work comes to an end."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")


def within(most: int, function: Callable[[], T]) -> T:
    """What it returns. Raises: AssertionError when it runs more lines than that."""
    run = 0

    def line(_: FrameType, event: str, __: Any) -> Any:
        nonlocal run
        run += event == "line"
        if run > most:
            raise AssertionError(f"more than {most:,} lines were run")
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        return function()
    finally:
        sys.settrace(before)
