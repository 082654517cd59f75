"""Keep helper processes alive: start, verify what they say of their privileges, replace when they end."""

import os
import signal
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import msgspec
import trio

from aimx import limits, log
from aimx.effects import privileges
from aimx.effects.channel import Channel, ChannelClosed
from aimx.effects.process import Child, SpawnerClient
from aimx.errors import Failed
from aimx.model.job import Broken, Ready

T = TypeVar("T")
_first = msgspec.msgpack.Decoder(Ready | Broken).decode

CHECKS = frozenset(
    {"uid", "gid", "groups", "capabilities", "bounding_set", "no_new_privs", "not_dumpable", "no_network", "limits"}
)
_BY_ROOT = frozenset({"uid", "gid", "groups", "bounding_set", "no_network"})  # nobody else can take these away


class Helper:
    """One verified helper process and its channel."""

    def __init__(self, child: Child, channel: Channel) -> None:
        self.child = child
        self.channel = channel


class Unverified(Exception):
    """A helper could not prove that it holds nothing."""


class Garbled(ChannelClosed):
    """A helper sent something that is no frame; its channel is of no more use."""


def decoded(decode: Callable[[bytes], T], frame: bytes | msgspec.Raw) -> T:
    """What a helper said. Raises: Garbled for whatever else it sent; msgspec has three errors for that."""
    try:
        return decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Garbled(f"{type(error).__name__}: {error}") from error


class Kind(msgspec.Struct, frozen=True):
    """What to start. `options` travel to the spawner."""

    role: Literal["worker", "resolver"]
    options: dict[str, Any] = {}


def check_able() -> None:
    """Raises: Failed when none could ever be verified here, naming what root lacks."""
    lacking = privileges.lacking()
    if lacking:
        raise Failed(
            f"aimx serve as root lacks {' and '.join(lacking)}: without it, parsers of mail cannot be locked up, and no"
            " mail is taken; grant it (containers: --cap-add SYS_ADMIN), or start aimx serve as another user"
        )


async def start(spawner: SpawnerClient, kind: Kind) -> Helper:
    """Start one helper and check its first frame. Raises: ChannelClosed, TooSlowError, Unverified, OSError."""
    ours, theirs = socket.socketpair()
    channel = Channel(ours)
    try:
        try:
            child = await spawner.spawn(kind.role, (theirs.fileno(),), options=kind.options)
        finally:
            theirs.close()
        with trio.move_on_after(limits.HELPER_READY_S):
            ready = verified(kind.role, decoded(_first, await channel.receive()))
            await child.begun.wait()
            checks = ",".join(sorted(proven(kind.role, os.geteuid() == 0)))
            log.info("helper-ready", role=kind.role, pid=ready.pid, uid=ready.uid, checks=checks)
            return Helper(child, channel)
        if not child.pid:
            spawner.replace()  # not even a fork in all that time
        raise trio.TooSlowError
    except BaseException:
        channel.close()
        raise


def verified(role: str, first: Ready | Broken) -> Ready:
    """The first frame of a helper that may be given work. Raises: Unverified."""
    if isinstance(first, Broken):
        raise Unverified(f"{role}: {first.why}")
    failed = sorted(name for name in CHECKS if not first.checks.get(name))
    if failed:
        raise Unverified(f"{role} failed {','.join(failed)}")
    return first


def proven(role: str, root: bool) -> frozenset[str]:
    """Which checks say something of a verified helper; the others do not apply to it and always pass."""
    checks = CHECKS if root else CHECKS - _BY_ROOT
    return checks - {"no_network"} if role == "resolver" else checks


async def keep(spawner: SpawnerClient, kind: Kind, serve: Callable[[Helper], Awaitable[None]]) -> None:
    """Start, hand to `serve` until it returns, start again; slower when starts keep failing."""
    failures = 0
    while True:
        await trio.sleep(limits.HELPER_BACKOFF_S[min(failures, len(limits.HELPER_BACKOFF_S) - 1)])
        try:
            helper = await start(spawner, kind)
        except (ChannelClosed, trio.TooSlowError, Unverified, OSError) as error:
            failures += 1
            log.error("helper-failed", role=kind.role, why=f"{type(error).__name__}: {error}")
            continue
        failures = 0
        try:
            await serve(helper)
        finally:
            helper.channel.close()
            with trio.CancelScope(shield=True):
                await helper.child.signal(signal.SIGKILL)
        log.warning("helper-ended", role=kind.role, pid=helper.child.pid)
