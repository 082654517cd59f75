"""The real spawner with helpers or hooks, without a daemon around them."""

import os
import time
from contextlib import asynccontextmanager

import psutil
import trio

from aimx.daemon.resolver import ResolverClient
from aimx.daemon.serve import spawner_options
from aimx.daemon.workers import WorkerPool
from aimx.effects.accounts import Accounts, own_account
from aimx.effects.api import Effects
from aimx.effects.forked import Forked
from aimx.effects.payload import Payload
from aimx.effects.process import SpawnerClient
from aimx.flows.fire import Task
from aimx.model.config import Hook
from aimx.model.envelope import Envelope
from tests.hooks.mails import PLAIN

ENVELOPE = Envelope("a@sender.test", (), "192.0.2.7", "client.test", 1_700_000_000.0)


class Unheard:
    """Implements effects.api.Events where nobody watches."""

    async def tell(self, *events) -> None:
        """Nothing."""

    def post(self, *events) -> None:
        """Nothing."""

    def logged(self) -> None:
        """Nothing."""


class Stage:
    """What a test may touch."""

    def __init__(self, spawner: SpawnerClient, workers: WorkerPool, resolver: ResolverClient, nursery) -> None:
        self.spawner, self.workers, self.resolver, self.nursery = spawner, workers, resolver, nursery
        accounts = Accounts(as_root=os.geteuid() == 0)
        self.fx = Effects(time.time, workers, resolver, None, Forked(spawner), accounts, Unheard())

    async def ready(self, count: int) -> tuple[int, ...]:
        """Wait until that many workers take work."""
        with trio.fail_after(30):
            while len(self.workers.ready) < count:
                await trio.sleep(0.01)
        return self.workers.ready

    def children(self) -> list[psutil.Process]:
        """Everything the spawner has forked, zombies included."""
        return psutil.Process(self.spawner.pid).children(recursive=True)


@asynccontextmanager
async def stage(workers: int = 0, resolver: bool = False, ask_s: float = 10.0, **limits):
    """A running spawner, `workers` workers and perhaps the resolver, all ready."""
    spawner = SpawnerClient(spawner_options(None))
    async with trio.open_nursery() as nursery:
        await nursery.start(spawner.run)
        pool, client = WorkerPool(spawner, workers, **limits), ResolverClient(spawner, ask_s)
        if workers:
            await nursery.start(pool.run)
        if resolver:
            await nursery.start(client.run)
        here = Stage(spawner, pool, client, nursery)
        await here.ready(workers)
        yield here
        nursery.cancel_scope.cancel()


def payload(octets: bytes = PLAIN) -> Payload:
    """A message in memory."""
    return Payload(octets, None, len(octets), b"")


def task(*argv: str, cwd: str = "/", timeout_s: int = 30, env: dict[str, str] | None = None, account=None) -> Task:
    """One hook run as ourselves."""
    hook = Hook("h", "on_receive", argv, timeout_secs=timeout_s)
    as_root = os.geteuid() == 0
    return Task(7, hook, "ops", "id", "/p.md", cwd, env or {}, account or own_account("me"), as_root, "t" * 32)


def alive(pid: int) -> bool:
    """Whether a process runs: there, and not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    with trio.fail_after(30):
        while alive(pid):
            await trio.sleep(0.01)
