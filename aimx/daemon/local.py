"""The same flows without a daemon: helpers and hooks of this process, for as long as one command takes."""

import time
from pathlib import Path

import trio

from aimx.config import load
from aimx.daemon import settings
from aimx.daemon.events import Bus
from aimx.daemon.hookpool import HookPool
from aimx.daemon.resolver import ResolverClient
from aimx.daemon.serve import spawner_options
from aimx.daemon.storage import Storage, open_storage
from aimx.daemon.workers import WorkerPool
from aimx.effects.api import Effects
from aimx.effects.process import SpawnerClient
from aimx.errors import sole
from aimx.flows.ingest import Ingested
from aimx.flows.ingest import ingest as ingest_flow
from aimx.model.config import Config


def ingest(config_file: Path, data_dir: Path | None, rcpt: str, octets: bytes) -> Ingested:
    """Ingest one message and await its hooks.

    Raises: DaemonRunning when a daemon holds the writer lock; AimxError.
    """
    try:
        return trio.run(_ingest, load.load(config_file, data_dir), rcpt, octets)
    except BaseExceptionGroup as group:
        raise sole(group) from None


async def _ingest(config: Config, rcpt: str, octets: bytes) -> Ingested:
    parts = open_storage(config)
    settings.announce(config, parts.accounts)
    bus = Bus()
    spawner = SpawnerClient(spawner_options(None))
    storage = Storage(parts.committer, bus.publish)
    workers, resolver = WorkerPool(spawner, 1), ResolverClient(spawner)
    fx = Effects(time.time, workers, resolver, storage, spawner, parts.accounts, bus.publish)
    hooks = HookPool(fx, parts.state, parts.committer.folders, lambda: config)
    async with trio.open_nursery() as nursery:
        await nursery.start(spawner.run)
        await nursery.start(workers.run)
        await nursery.start(resolver.run)
        stored = await ingest_flow(fx, config, rcpt, octets)
        await hooks.run_mail(stored.mailbox, stored.id)
        nursery.cancel_scope.cancel()
    parts.close()
    return stored
