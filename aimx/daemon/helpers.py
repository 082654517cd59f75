"""Keep helper processes alive: start, verify what they say of their privileges, replace when they end."""

import socket
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec
import trio

from aimx import log
from aimx.effects.api import SpawnProblem
from aimx.effects.channel import Channel, ChannelClosed
from aimx.effects.process import Child, SpawnerClient
from aimx.model.job import Ready

_READY_S = 30.0
_BACKOFF_S = (0.0, 0.1, 0.5, 2.0, 5.0)


class Helper:
    """One verified helper process and its channel."""

    def __init__(self, child: Child, channel: Channel) -> None:
        self.child = child
        self.channel = channel


class Unverified(Exception):
    """A helper could not prove that it holds nothing."""


async def start(spawner: SpawnerClient, role: Literal["worker", "resolver"]) -> Helper:
    """Start one helper and check its first frame. Raises: SpawnProblem, ChannelClosed, TooSlowError, Unverified."""
    ours, theirs = socket.socketpair()
    try:
        child = await spawner.spawn(role, (theirs.fileno(),))
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    channel = Channel(ours)
    try:
        with trio.fail_after(_READY_S):
            ready = msgspec.msgpack.decode(await channel.receive(), type=Ready)
        failed = sorted(name for name, passed in ready.checks.items() if not passed)
        if failed:
            raise Unverified(f"{role} failed {','.join(failed)}")
    except BaseException:
        channel.close()
        raise
    log.info("helper-ready", role=role, pid=ready.pid, uid=ready.uid, checks=",".join(sorted(ready.checks)))
    return Helper(child, channel)


async def keep(
    spawner: SpawnerClient, role: Literal["worker", "resolver"], serve: Callable[[Helper], Awaitable[None]]
) -> None:
    """Start, hand to `serve` until it returns, start again; slower when starts keep failing."""
    failures = 0
    while True:
        await trio.sleep(_BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)])
        try:
            helper = await start(spawner, role)
        except (SpawnProblem, ChannelClosed, trio.TooSlowError, Unverified) as error:
            failures += 1
            log.error("helper-failed", role=role, why=f"{type(error).__name__}: {error}")
            continue
        failures = 0
        try:
            await serve(helper)
        finally:
            helper.channel.close()
        log.warning("helper-ended", role=role, pid=helper.child.pid)
