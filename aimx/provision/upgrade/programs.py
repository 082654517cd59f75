"""Program files, and processes that run from them: what a file says it is, who serves with it. Changes nothing."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from aimx import limits
from aimx.effects import commands
from aimx.errors import Failed
from aimx.provision.service.api import NAME

_BANNER = re.compile(r"AIMX \(AI Mail Exchange\) version (\S{1,100}) \(\S+\) (\S+) built \S+")
_OPTIONS = (b"aimx_bundle=", b"aimx_deb=")  # of effects.running


class Said(NamedTuple):
    """What `--version` of a program file says."""

    tag: str
    target: str


async def said(program: Path) -> Said:
    """By asking it, which also makes it unpack itself. Raises: Failed when it does not run."""
    ran = await commands.run((str(program), "--version"), limits.PROGRAM_S)
    found = _BANNER.fullmatch(ran.out.strip())
    if not ran.ok or found is None:
        raise Failed(f"it does not run: {ran.why}" if not ran.ok else "it does not say which version it is")
    return Said(found[1], found[2])


class Serving(NamedTuple):
    """A process that is `aimx serve` of a program file. `service`: the init system counts it as the service's."""

    pid: int
    program: str
    service: bool


def serving() -> Iterator[Serving]:
    """All of this machine that root can see."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            found = _serving(int(name))
            if found is not None:
                yield found


def of(pid: int) -> str:
    """What a process runs from: a program file where it has one, else its interpreter; empty: that cannot be seen."""
    words = _words(pid)
    return _program(words) or os.fsdecode(words[0])


def _serving(pid: int) -> Serving | None:
    words = _words(pid)
    program = _program(words)
    if not program or b"serve" not in words:
        return None
    return Serving(pid, program, f"/{NAME}.service" in _read(pid, "cgroup").decode("utf-8", "replace"))


def _program(words: Sequence[bytes]) -> str:
    for word in words:
        found = word.removeprefix(b"-X")
        if found.startswith(_OPTIONS):
            return os.path.realpath(os.fsdecode(found.partition(b"=")[2]))
    return ""


def _words(pid: int) -> list[bytes]:
    return _read(pid, "cmdline").split(b"\0")


def _read(pid: int, name: str) -> bytes:
    """Of /proc; empty for a process that is gone, or not for us."""
    try:
        return Path("/proc", str(pid), name).read_bytes()
    except OSError:
        return b""
