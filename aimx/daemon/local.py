"""The same flows without a daemon: helpers and hooks of this process, for as long as one command takes."""

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, aclosing
from pathlib import Path

import trio

from aimx.config import load, origins
from aimx.config.live import LiveConfig
from aimx.config.places import runtime_directory
from aimx.daemon import settings
from aimx.daemon.administration import Administration
from aimx.daemon.events import LoggedEvents
from aimx.daemon.hookpool import HookPool
from aimx.daemon.hookrunner import HookRunner
from aimx.daemon.mails import StoredMails
from aimx.daemon.places import Places
from aimx.daemon.resolver import ResolverClient
from aimx.daemon.serve import spawner_options
from aimx.daemon.storage import Storage, open_storage
from aimx.daemon.trials import Trials
from aimx.daemon.workers import WorkerPool
from aimx.effects import executors
from aimx.effects.api import Desk, Effects
from aimx.effects.process import SpawnerClient
from aimx.errors import sole
from aimx.flows import dispatch
from aimx.flows.ingest import Ingested
from aimx.flows.ingest import ingest as ingest_flow
from aimx.model.caller import Caller
from aimx.model.config import Config
from aimx.wire.frames import HookTest, Request, Response


def ingest(config_file: Path, data_dir: Path | None, rcpt: str, octets: bytes) -> Ingested:
    """Ingest one message and await its hooks.

    Raises: DaemonRunning when a daemon holds the writer lock; AimxError.
    """
    try:
        return trio.run(_ingest, load.load(config_file, data_dir), rcpt, octets)
    except BaseExceptionGroup as group:
        raise sole(group) from None


def ask(config_file: Path, data_dir: Path | None, request: Request) -> Response:
    """One request, answered by this process as root's or the developer's own daemon would (U1).

    Raises: DaemonRunning when a daemon holds the writer lock; AimxError. Refusals are error frames, as on the socket.
    """
    try:
        return trio.run(_ask, LiveConfig(config_file, data_dir), request)
    except BaseExceptionGroup as group:
        raise sole(group) from None


def stream(config_file: Path, data_dir: Path | None, request: Request, take: Callable[[bytes], None]) -> Response:
    """`ask` for an answer that is a stream: its pieces are taken as they come. Raises: as `ask`, and what ends it."""
    try:
        return trio.run(_ask, LiveConfig(config_file, data_dir), request, take)
    except BaseExceptionGroup as group:
        raise sole(group) from None


async def _ingest(config: Config, rcpt: str, octets: bytes) -> Ingested:
    with _Here(config) as here:
        async with trio.open_nursery() as nursery:
            await nursery.start(here.spawner.run)
            await nursery.start(here.workers.run)
            await nursery.start(here.resolver.run)
            stored = await ingest_flow(here.fx, config, rcpt, octets)
            await here.hooks.run_mail(stored.mailbox, stored.id)
            nursery.cancel_scope.cancel()
    return stored


async def _ask(live: LiveConfig, request: Request, take: Callable[[bytes], None] | None = None) -> Response:
    caller = Caller(os.geteuid(), os.getegid(), operator_uid=os.geteuid())
    with _Here(live.current, live) as here:
        async with trio.open_nursery() as nursery:
            if isinstance(request, HookTest):
                await nursery.start(here.spawner.run)
            answer = await dispatch.dispatch(here.fx, live.current, request, caller)
            nursery.cancel_scope.cancel()
        if answer.lines is not None:
            async with aclosing(answer.lines) as pieces:
                async for piece in pieces:
                    if take is not None:
                        take(piece)
        if answer.afterwards is not None:
            await answer.afterwards()
        await here.events.flush()
        here.places.erase()
    return answer.response


class _Here(AbstractContextManager["_Here"]):
    """What the front of a daemon holds, without listening anywhere. Helpers run only when they are started."""

    def __init__(self, config: Config, live: LiveConfig | None = None) -> None:
        self.parts = open_storage(config)
        settings.announce(config, self.parts.accounts)
        self.events = LoggedEvents(self.parts.state)
        self.spawner = SpawnerClient(spawner_options(None), early=live is None)  # most questions need none
        current = (lambda: live.current) if live is not None else (lambda: config)
        storage = Storage(self.parts.committer, self.events.logged, current)
        self.workers, self.resolver = WorkerPool(self.spawner, 1), ResolverClient(self.spawner)
        self.places = Places(self.parts.committer, self.events.logged)
        desk = None
        if live is not None:
            administration = Administration(live, _told_nobody, storage.gates, self.places.settle_left)
            register = origins.beside(live.path, config.source)
            mails = StoredMails(storage, self.events.post)
            trials = Trials(lambda: self.runner, self.parts.state, self.parts.committer.folders)
            desk = Desk(mails, administration, self.places, register, trials)
        executor = executors.choose(self.spawner, Path(runtime_directory()))
        self.fx = Effects(
            time.time, self.workers, self.resolver, storage, executor, self.parts.accounts, self.events, desk=desk
        )
        self.runner = HookRunner(self.fx, self.parts.state, self.parts.committer.folders, current)
        self.hooks = HookPool(self.runner, current)

    def __exit__(self, *_: object) -> None:
        self.parts.close()


async def _told_nobody(_before: Config, _by_hand: Config, _now: Config) -> None:
    """Who asks here has just read the file, and ends."""
