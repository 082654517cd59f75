"""Programs of the host that a command of aimx runs: each to its end, within a time, with little output.

No shell. They get their words as they are and an environment that says nothing of the caller's. Never used by the
daemon, which has its spawner.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import trio

from aimx import limits
from aimx.errors import Failed

_ENVIRONMENT = {"LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": "", "DEBIAN_FRONTEND": "noninteractive"}
# A root shell by `su` without `-` has a user's PATH; what is wanted here lies beside it.
_PLACES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class CommandMissing(Failed):
    """There is no such program on this host."""


class Ran(NamedTuple):
    """What became of a command. `code`: negative for a signal; None: it did not end in time and was killed."""

    code: int | None
    out: str
    err: str

    @property
    def ok(self) -> bool:
        """It ended well."""
        return self.code == 0

    @property
    def why(self) -> str:
        """Why it did not, for people: its own last words where it had any."""
        words = [text.strip() for text in (self.err or self.out).splitlines() if text.strip()]
        if self.code is None:
            return f"no end in time{f' ({words[-1]})' if words else ''}"
        if words:
            return words[-1]
        return f"exit code {self.code}" if self.code >= 0 else f"ended by {signal.Signals(-self.code).name}"


def path() -> str:
    """Where programs are looked for: the caller's PATH, then the system's directories."""
    given = [place for place in os.environ.get("PATH", "").split(os.pathsep) if os.path.isabs(place)]
    return os.pathsep.join(dict.fromkeys((*given, *_PLACES)))


def find(name: str) -> str | None:
    """The program of that name; None when this host has none."""
    return shutil.which(name, path=path())


async def run(argv: Sequence[str], timeout_s: float, env: Mapping[str, str] | None = None) -> Ran:
    """Run a program to its end; after `timeout_s` it is told to end, and soon killed.

    Args:
        argv: the program's name or path, and its words.
        env: more variables for it.

    Cancellation: what it has begun it may finish, for a moment; then it is ended too.
    Raises: CommandMissing; Failed when it cannot be started.
    """
    program = find(argv[0])
    if program is None:
        raise CommandMissing(f"{argv[0]} is not installed")
    try:
        process = await trio.lowlevel.open_process(
            [program, *argv[1:]], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd="/",
            env={"PATH": path(), **_ENVIRONMENT, **(env or {})}, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be run: {error.strerror}") from error
    out, err = bytearray(), bytearray()
    # Shielded: a program that may finish needs somebody who reads what it says.
    reading = trio.CancelScope(shield=True), trio.CancelScope(shield=True)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read, process.stdout, out, reading[0])
        nursery.start_soon(_read, process.stderr, err, reading[1])
        try:
            in_time = await _end(process, timeout_s)
        finally:
            for scope in reading:  # what it left running may hold the pipes; nothing of that is waited for
                scope.deadline = trio.current_time() + limits.COMMAND_LAST_WORDS_S
    code = process.returncode if in_time else None
    return Ran(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


async def leave(argv: Sequence[str]) -> trio.Process:
    """Start a program that may outlive this one: with a session of its own, and nothing to read from or write to.

    Raises: Failed when it cannot be started.
    """
    try:
        return await trio.lowlevel.open_process(
            list(argv), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            env={"PATH": path(), **_ENVIRONMENT}, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise Failed(f"{argv[0]} cannot be run: {error.strerror}") from error


async def _end(process: trio.Process, timeout_s: float) -> bool:
    """Whether it ended by itself, in time; it has ended when this returns or raises."""
    try:
        if await _ends_within(process, timeout_s):
            return True
    except BaseException:
        with trio.CancelScope(shield=True):
            if not await _ends_within(process, limits.COMMAND_GRACE_S):
                await _kill(process)
        raise
    with trio.CancelScope(shield=True):
        await _kill(process)
    return False


async def _ends_within(process: trio.Process, limit_s: float) -> bool:
    with trio.move_on_after(limit_s):
        await process.wait()
        return True
    return False


async def _kill(process: trio.Process) -> None:
    """TERM for it and all of its session, and KILL when that did not do."""
    _signal(process.pid, signal.SIGTERM)
    if not await _ends_within(process, limits.COMMAND_GRACE_S):
        _signal(process.pid, signal.SIGKILL)
        await process.wait()


def _signal(leader: int, number: int) -> None:
    try:
        os.killpg(leader, number)
    except ProcessLookupError:
        return


async def _read(stream: trio.abc.ReceiveStream | None, into: bytearray, scope: trio.CancelScope) -> None:
    assert stream is not None
    with scope:
        async with stream:
            async for octets in stream:
                into += octets[: limits.TOOL_OUTPUT_OCTETS - len(into)]
