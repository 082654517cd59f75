"""Ctrl-C, SIGTERM and the end of a terminal, while an upgrade is at work: it is cancelled, and ends in its own way."""

import signal
from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def heeding(work: Callable[[], Awaitable[T]]) -> T:
    """The work's result. Further signals change nothing: the way back is not interrupted.

    A signal that whoever started us had ignored stays so (nohup). Raises: KeyboardInterrupt for any of them.
    """
    heeded = [one for one in _SIGNALS if signal.getsignal(one) != signal.SIG_IGN]
    result: list[T] = []
    interrupted = False

    async def watch(task_status: trio.TaskStatus[None]) -> None:
        nonlocal interrupted
        with trio.open_signal_receiver(*heeded) as signals:
            task_status.started()
            async for _ in signals:
                interrupted = True
                scope.cancel()

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            await nursery.start(watch)
            result.append(await work())
        nursery.cancel_scope.cancel()
    if not result:
        assert interrupted
        raise KeyboardInterrupt
    return result[0]
