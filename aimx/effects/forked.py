"""The executor of hosts without systemd: hooks are forked by the spawner, and their time is kept here."""

import os
import signal
from collections.abc import Awaitable, Callable, Collection

import trio

from aimx import limits
from aimx.effects.api import Process, Sandbox, Spawner
from aimx.effects.keeping import Outputs
from aimx.model.job import Ended, Execution, Exited

_LOST = Exited(0, -1, 0)


class Forked:
    """Implements effects.api.Executor."""

    name: Sandbox = "fallback"
    outlives = False

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner

    async def start(self, order: Execution, fds: tuple[int, int, int]) -> "ForkedRun":
        """Start a program as its owner."""
        return ForkedRun(await self._spawner.run_as(order.spec, fds), order.timeout_s)

    async def resume(self, unit: str, timeout_s: float) -> Ended | None:  # noqa: ARG002  nothing here has a unit
        """Nothing that was forked goes on without its daemon."""
        return None

    def outputs(self, unit: str) -> Outputs:  # noqa: ARG002
        """Nor does anything of it."""
        return Outputs(None, None)

    async def forget(self, unit: str) -> None:
        """Nothing is left of it."""

    async def tidy(self, prefix: str, known: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Nothing is left of any."""


class ForkedRun:
    """Implements effects.api.Running."""

    def __init__(self, process: Process, timeout_s: float) -> None:
        self._process = process
        self._timeout_s = timeout_s

    async def ended(self) -> Ended:
        """Wait for the end, or bring it about at the limit. Cancelled: the hook gets TERM, then KILL."""
        exited, timed_out = await self._supervise()
        if (problem := self._process.problem) is not None:
            return Ended(-1, timed_out, f"{problem.step}: {os.strerror(problem.errno)}")
        if exited.code == -1 and exited.signal == 0:
            return Ended(-1, timed_out, lost=True)
        return Ended(exited.code, timed_out, cpu_ms=exited.cpu_ms, peak_octets=exited.peak_octets or None)

    async def _supervise(self) -> tuple[Exited, bool]:
        try:
            with trio.move_on_after(self._timeout_s):
                return await self._process.wait(), False
        except trio.Cancelled:
            await self._stop()
            raise
        return await self._stop(), True

    async def _stop(self) -> Exited:
        """TERM, to a stopped one too, then KILL; what does not even end then is given up."""
        with trio.CancelScope(shield=True):
            for numbers, patience_s in (
                ((signal.SIGTERM, signal.SIGCONT), limits.HOOK_KILL_AFTER_S),
                ((signal.SIGKILL,), limits.HOOK_REAP_S),
            ):
                for number in numbers:
                    await self._process.signal(number)
                with trio.move_on_after(patience_s):
                    return await self._process.wait()
        return _LOST
