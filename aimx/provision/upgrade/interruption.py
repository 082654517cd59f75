"""Ctrl-C, SIGTERM and the end of a terminal, while an upgrade is at work: it is cancelled, and ends in its own way."""

import signal
from collections.abc import Awaitable, Callable
from types import FrameType
from typing import TypeVar

import trio

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Heeding:
    """Signals are heeded as long as this is entered: the first one cancels the work, further ones change nothing.

    One that whoever started us had ignored stays so (nohup).
    """

    def __init__(self) -> None:
        self._before = {one: signal.getsignal(one) for one in _SIGNALS}
        self._cancel: Callable[[], None] = lambda: None
        self._came = False

    def __enter__(self) -> "Heeding":
        for one, handler in self._before.items():
            if handler != signal.SIG_IGN:
                signal.signal(one, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for one, handler in self._before.items():
            signal.signal(one, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self._came = True
        self._cancel()

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """The work's result. Raises: KeyboardInterrupt for any of the signals, when the work has gone its way back."""
        token = trio.lowlevel.current_trio_token()
        with trio.CancelScope() as scope:
            self._cancel = lambda: token.run_sync_soon(scope.cancel, idempotent=True)
            if self._came:
                scope.cancel()
            try:
                return await work()
            finally:
                self._cancel = lambda: None
        raise KeyboardInterrupt
