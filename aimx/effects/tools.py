"""The init system's commands, each run to its end by the spawner, within a time, with little output.

They run as the daemon, with an environment that says nothing. Nothing of a mail is among their words.
"""

import os
import signal
from typing import NamedTuple

import trio

from aimx import limits
from aimx.effects.api import Process, Spawner
from aimx.model.job import JobSpec

_ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
    "SYSTEMD_COLORS": "0",
    "SYSTEMD_PAGER": "",
}


class Said(NamedTuple):
    """What became of a command. `code` is None when it did not end in time or nobody saw its end."""

    code: int | None
    out: str
    err: str


class Tools:
    """Runs them."""

    def __init__(self, spawner: Spawner) -> None:
        self._spawner = spawner

    async def run(self, argv: tuple[str, ...], limit_s: float) -> Said:
        """One command to its end; killed when that does not come, or when this is cancelled. Raises: OSError."""
        spec = JobSpec(argv, _ENVIRONMENT, os.geteuid(), os.getegid(), (), "/", change_identity=False)
        out_r, out_w = os.pipe2(os.O_CLOEXEC)
        err_r, err_w = os.pipe2(os.O_CLOEXEC)
        out, err, code = bytearray(), bytearray(), None
        async with trio.lowlevel.FdStream(out_r) as stdout, trio.lowlevel.FdStream(err_r) as stderr:
            with trio.move_on_after(limit_s):
                process = await self._start(spec, out_w, err_w)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_read, stdout, out)
                    nursery.start_soon(_read, stderr, err)
                    code = await _end(process)
        return Said(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))

    async def _start(self, spec: JobSpec, out_w: int, err_w: int) -> Process:
        nothing = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return await self._spawner.run_as(spec, (nothing, out_w, err_w))
        finally:
            for fd in (nothing, out_w, err_w):
                os.close(fd)


async def _end(process: Process) -> int | None:
    try:
        exited = await process.wait()
    except trio.Cancelled:
        with trio.CancelScope(shield=True):
            await process.signal(signal.SIGKILL)
        raise
    return None if exited.code == -1 else exited.code


async def _read(stream: trio.lowlevel.FdStream, into: bytearray) -> None:
    async for octets in stream:
        into += octets[: limits.TOOL_OUTPUT_OCTETS - len(into)]
