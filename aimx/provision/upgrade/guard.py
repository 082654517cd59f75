"""A second process that watches an exchange of programs: killed outright, the first one cannot end what it began.

The first holds a lock while the service may be stopped, and the kernel lets go of it when the first is no more. Under
systemd the second is a unit of its own, since what ends one process often ends all of its session; elsewhere it is a
child with a session of its own. Which of both ended first is all that is decided here; guarding.py does the rest.
"""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import trio

from aimx import limits
from aimx.effects import commands
from aimx.effects.running import running
from aimx.errors import Failed
from aimx.provision import initsystem
from aimx.provision.setup.site import Site

ARMED = b"armed\n"
_MODULE = "aimx.provision.upgrade.guarding"
_UNIT = "aimx-upgrade-guard"


class Order(msgspec.Struct, frozen=True):
    """What the second process is told: which installation, and how long a daemon that starts is waited for."""

    config_dir: str
    socket: str
    root: str
    program: str
    ready_s: float


def file(root: Path) -> Path:
    """Locked and not empty as long as somebody is between stop and start."""
    return root / "run/aimx-upgrade.guard"


@asynccontextmanager
async def armed(site: Site, ready_s: float) -> AsyncIterator[None]:
    """Whoever is killed in here has what he began ended by the second process. Raises: Failed when there is none."""
    order = Order(str(site.config_dir), str(site.socket), str(site.root), site.program[0], ready_s)
    fd = _lock(file(site.root))
    process: trio.Process | None = None
    try:
        words = (*running().module_argv, _MODULE, msgspec.json.encode(order).decode())
        if not await _as_unit(site.root, words):
            process = await commands.leave(words)
        yield
    finally:
        os.ftruncate(fd, 0)
        os.close(fd)
        if process is not None:
            with trio.move_on_after(limits.COMMAND_S, shield=True):
                await process.wait()


def _lock(path: Path) -> int:
    """Those who hold it otherwise only look whether they are needed."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            os.pwrite(fd, ARMED, 0)
        except BaseException:
            os.close(fd)
            raise
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error
    return fd


async def _as_unit(root: Path, words: tuple[str, ...]) -> bool:
    if initsystem.detect(root).kind != "systemd":
        return False
    argv = (
        "systemd-run", "--quiet", "--no-ask-password", "--collect", "--service-type=exec",
        f"--unit={_UNIT}-{os.getpid()}", "--description=Starts aimx again when its upgrade is killed",
        "--property=Restart=on-failure", "--property=RestartSec=5s",
        "--property=StartLimitIntervalSec=10min", "--property=StartLimitBurst=20",
        f"--setenv=PATH={commands.path()}", "--", *words,
    )  # fmt: skip
    try:
        return (await commands.run(argv, limits.COMMAND_S)).ok
    except Failed:  # a child will do
        return False
