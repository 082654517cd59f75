"""strace on a running front: the k-th system call of a kind fails, or is the process's last."""

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.tally import TALLY

_EXITING = 0x4  # PF_EXITING of the kernel, in the flags of /proc/PID/stat
_KILLED = 1 << (signal.SIGKILL - 1)
NEEDED = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


class Injection:
    """`hit` is known after the block: whether the call happened. One fault, however often it failed."""

    hit = False


@contextlib.contextmanager
def inject(pid: int, trace: Path, what: str, follow: bool = True, counted: bool = True) -> Iterator[Injection]:
    """Attach, let the block run, detach. `what`: as strace's inject. `follow`: also threads and children.

    `counted`: as a fault; not where it only holds a moment still for one that the caller counts.
    """
    call = what.partition(":")[0]
    argv = [
        "strace",
        *(["-f"] if follow else []),
        "-p",
        str(pid),
        "-o",
        str(trace),
        "-e",
        f"trace={call}",
        "-e",
        f"inject={what}",
    ]
    process = subprocess.Popen(argv, stderr=subprocess.PIPE, text=True)
    injection = Injection()
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "attached" in line, line
        yield injection
    finally:
        _end(process, pid)
    text = trace.read_text()
    # strace that is told to detach in the very moment does not see what it has just done.
    killed = "killed by SIGKILL" in text or (what.partition(":")[2].startswith("signal=KILL") and _dying(pid))
    _, signalled, name = what.partition(":signal=")
    mark = f"--- SIG{name.partition(':')[0]} " if signalled else "(DELAYED)" if "delay_" in what else "(INJECTED)"
    injection.hit = mark in text or killed
    if not counted:
        return
    if killed:
        TALLY.fault("kill -9 at a system call")
    elif injection.hit:
        TALLY.fault(_named(what))
        TALLY.note("system calls that failed or waited", text.count(mark))


def _named(what: str) -> str:
    """`write:error=EIO:when=3` is a write that fails with EIO."""
    call, *words = what.split(":")
    given = dict(word.partition("=")[::2] for word in words)
    if "error" in given:
        return f"{call} {given['error']}"
    return f"{call} delayed" if "delay_enter" in given else f"{call} {' '.join(sorted(given.keys() - {'when'}))}"


def _end(process: subprocess.Popen[str], pid: int) -> None:
    """Detach. Told to while its tracee dies, strace may wait for ever; killed itself, it lets everything go."""
    if _dying(pid):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=2)
            return
    process.terminate()
    try:
        process.communicate(timeout=2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _dying(pid: int) -> bool:
    """Whether a process has ended, ends now, or will as soon as it runs: a SIGKILL waits for it (proc(5))."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):  # the latter when it ends between open and read
        return True
    waiting = re.findall(r"^(?:SigPnd|ShdPnd):\s*(\w+)$", status, re.MULTILINE)
    ends = int(fields[5]) & _EXITING or any(int(mask, 16) & _KILLED for mask in waiting)
    return state in "ZX" or bool(ends)
