"""`aimx serve`: open everything, then one nursery tree until a signal ends it."""

import errno
import os
import random
import signal
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import trio

from aimx import limits, log
from aimx.config import origins
from aimx.config.live import LiveConfig
from aimx.daemon import settings
from aimx.daemon.administration import Administration
from aimx.daemon.certificate import Certificate
from aimx.daemon.events import LoggedEvents
from aimx.daemon.health import DaemonHealth
from aimx.daemon.helpers import check_able
from aimx.daemon.hookpool import HookPool
from aimx.daemon.hookrunner import HookRunner
from aimx.daemon.inbound import Inbound
from aimx.daemon.listener import SmtpListener
from aimx.daemon.mails import StoredMails
from aimx.daemon.ownmail import OwnConnections
from aimx.daemon.places import Places
from aimx.daemon.resolver import ResolverClient
from aimx.daemon.signing import Signing
from aimx.daemon.storage import Storage, open_storage
from aimx.daemon.trials import Trials
from aimx.daemon.verbd import SocketServer
from aimx.daemon.watching import Watching, owners
from aimx.daemon.workers import WorkerPool
from aimx.effects import descriptors, executors, linux, maildrop, privileges
from aimx.effects.accounts import Accounts
from aimx.effects.api import Desk, Effects, Sending
from aimx.effects.memory import MemoryBudget
from aimx.effects.network import TcpNetwork
from aimx.effects.process import SpawnerClient, cpu_count
from aimx.errors import ConfigInvalid, Failed, ResourcesExhausted, StorageFailed, sole
from aimx.flows import dispatch, target
from aimx.flows.answer import Answer
from aimx.model import domain
from aimx.model.caller import Caller
from aimx.model.config import Config
from aimx.model.event import ConfigReloaded
from aimx.model.hook import Within
from aimx.model.query import Box
from aimx.wire.frames import Request

WORKER_USER = "aimx-worker"
TEST_DNS = "AIMX_TEST_DNS"
TEST_MAIL_DROP = "AIMX_TEST_MAIL_DROP"
TEST_MX_PORT = "AIMX_TEST_MX_PORT"
SMTP_PORT = 25


class Options(msgspec.Struct, frozen=True):
    """What the command line decides. `run_as`: uid to become after binding (`aimx demo` as root)."""

    config_file: Path
    data_dir: Path | None
    socket_file: Path
    bind: tuple[str, int] = ("0.0.0.0", 25)
    tls_cert: Path | None = None
    tls_key: Path | None = None
    run_as: int | None = None


class Daemon:
    """Everything the front holds."""

    def __init__(self, options: Options) -> None:
        """Open configuration, data directory, database and sockets. Raises: AimxError."""
        self.options = options
        self.live = LiveConfig(options.config_file, options.data_dir)
        if os.environ.get(TEST_DNS):
            log.warning("test-dns", server=os.environ[TEST_DNS], note="every DNS answer comes from there")
        check_able()
        self.spawner = SpawnerClient(spawner_options(options.run_as))
        self.certificate = Certificate(options.tls_cert, options.tls_key)
        self.signing = Signing(options.config_file.parent, self._session_config)
        smtp_socket = bind_smtp(options.bind)
        if options.run_as is not None:
            privileges.become(options.run_as, options.run_as, ())
        self.storage_parts = open_storage(self.live.current)
        self.announcer = settings.Announcer(self.storage_parts.accounts, self.live.current)
        self.events = LoggedEvents(self.storage_parts.state)
        self.storage = Storage(self.storage_parts.committer, self.events.logged, self._session_config)
        self.workers = WorkerPool(self.spawner, max(limits.WORKERS_MIN, cpu_count()))
        self.resolver = ResolverClient(self.spawner)
        self.network = TcpNetwork()
        own_smtp = reachable(smtp_socket)
        sending = Sending(
            self.signing, lambda: str(uuid.uuid4()), self._in_hook, self.network, lambda: own_smtp, random.shuffle,
            mx_port(), mail_drop(),
        )  # fmt: skip
        self.executor = executors.choose(self.spawner, options.socket_file.parent)
        self.fx = Effects(
            time.time, self.workers, self.resolver, self.storage, self.executor, self.storage_parts.accounts,
            self.events, sending, self._desk(),
        )  # fmt: skip
        memory = MemoryBudget(limits.MEMORY_OCTETS, limits.MEMORY_WAIT_S)
        inbound = Inbound(self.fx, memory)
        own = OwnConnections(self.network, self.resolver, self._session_config)
        self.listener = SmtpListener(smtp_socket, inbound.services(self.live), lambda: self.certificate.context, own)
        parts = self.storage_parts
        self.runner = HookRunner(self.fx, parts.state, parts.committer.folders, self._session_config)
        self.hooks = HookPool(self.runner, self._session_config)
        self.storage.on_runnable(self.hooks.wake)
        self.socket = SocketServer(options.socket_file, self._handle, memory, dispatch.admit, dispatch.attended)
        self._sockets = self.socket.listen()

    def _desk(self) -> Desk:
        parts = self.storage_parts
        self.places = Places(parts.committer, self.events.logged)
        self.administration = Administration(self.live, self._adopted, self.storage.gates, self.places.settle_left)
        find = partial(owners, self.live, parts.accounts)
        self.watching = Watching(parts.state.path, find, self._session_config, time.time)
        self.events.listen(self.watching.wake)
        self.origins = origins.beside(self.live.path, self.live.current.source)
        self.mails = StoredMails(self.storage, self.events.post)
        return Desk(
            self.mails, self.administration, self.places,
            self.origins, Trials(lambda: self.runner, parts.state, parts.committer.folders),
            self.watching, DaemonHealth(self, time.time()),
        )  # fmt: skip

    def _session_config(self) -> Config:
        return self.live.current

    def _boxes(self) -> tuple[Box, ...]:
        return tuple(map(target.box, self.live.current.mailboxes.values()))

    def _in_hook(self, token: str, caller: Caller) -> Within | None:
        return self.runner.within(token, caller)

    async def _handle(self, request: Request, caller: Caller) -> Answer:
        return await dispatch.dispatch(self.fx, self.live.current, request, caller)

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain."""
        async with trio.open_nursery() as helpers:
            await helpers.start(self.spawner.run)
            self._fit_descriptors()
            await helpers.start(self.workers.run)
            await helpers.start(self.resolver.run)
            await helpers.start(self.events.run)
            helpers.start_soon(self.hooks.run)
            helpers.start_soon(self.watching.run)
            helpers.start_soon(settings.watch, self.live)
            helpers.start_soon(self.storage.run, self._session_config)
            helpers.start_soon(self.places.run)
            helpers.start_soon(self.mails.care, self._boxes)
            async with trio.open_nursery() as nursery:
                await nursery.start(self._signals, nursery)
                nursery.start_soon(self.socket.run, self._sockets)
                nursery.start_soon(self.listener.serve)
                log.info("listening", smtp=self.listener.address, socket=str(self.options.socket_file))
            await self.hooks.drain()
            await self.events.flush()
            helpers.cancel_scope.cancel()
        self.socket.close()
        self.watching.close()
        self.storage_parts.close()
        log.info("stopped")

    async def _signals(
        self, nursery: trio.Nursery, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        try:
            await self._heed(nursery, task_status)
        finally:
            # A further one must not end what still has to be recorded.
            signal.signal(signal.SIGTERM, lambda *_: None)

    async def _heed(self, nursery: trio.Nursery, task_status: trio.TaskStatus[None]) -> None:
        stopping = False
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGHUP) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    nursery.start_soon(self._reload)
                    continue
                log.info("stopping", signal=signal.Signals(number).name, at_once=stopping or None)
                if stopping:
                    nursery.cancel_scope.cancel()
                else:
                    nursery.start_soon(self._drain, nursery)
                stopping = True

    async def _drain(self, nursery: trio.Nursery) -> None:
        async with trio.open_nursery() as draining:
            draining.start_soon(self.socket.drain)
            draining.start_soon(self.listener.drain)
        nursery.cancel_scope.cancel()

    def _fit_descriptors(self) -> None:
        """After the spawner has started, so that hooks keep the usual limit: select(2) of old programs needs it."""
        self._nofile = descriptors.raise_limit()
        reserved = min(limits.RESERVED_DESCRIPTORS, self._nofile // 2)
        self.listener.ceiling = (self._nofile - reserved) // limits.DESCRIPTORS_PER_CONNECTION
        self._warn_of_connections(self.live.current.max_connections)

    def _warn_of_connections(self, wanted: int) -> None:
        """What is configured and cannot be served."""
        if wanted > self.listener.ceiling:
            log.warning("descriptor-limit", nofile=self._nofile, max_connections=wanted, served=self.listener.ceiling)

    async def _reload(self) -> None:
        try:
            self.certificate.load()
        except Failed as error:
            log.error("certificate-reload-failed", why=error.reason, kept="previous certificate")
        try:
            selector = self.signing.wanted
            config = await self.administration.reload()
            if self.signing.wanted == selector:
                self.signing.load()  # the same one may have another key
        except (ConfigInvalid, ResourcesExhausted, StorageFailed) as error:
            log.error("config-reload-failed", path=str(self.live.path), why=error.reason, kept="previous configuration")
            return
        hooks = sum(len(mailbox.hooks) for mailbox in config.mailboxes.values())
        log.info("config-reloaded", path=str(self.live.path), mailboxes=len(config.mailboxes), hooks=hooks)
        event = ConfigReloaded(at=time.time(), mailbox="", owner_uid=None, mailboxes=len(config.mailboxes), hooks=hooks)
        await self.events.tell(event)

    async def _adopted(self, before: Config, by_hand: Config, config: Config) -> None:
        """Another snapshot is in force."""
        # In a thread, and for what is in force then, because it writes a file.
        forget = partial(self.origins.settle, lambda: origins.known(self.live.current))
        trio.lowlevel.start_thread_soon(forget, lambda outcome: outcome.unwrap())
        self.signing.follow()
        self.hooks.wake()  # it may allow more at once
        self.storage.retry_spool()
        if config.max_connections != before.max_connections:
            self._warn_of_connections(config.max_connections)
        await self.announcer.tell(config)
        if by_hand.source != before.source:
            if by_hand is not config:
                log.info("config-merged", path=str(self.live.path), note="changed by hand; in force now")
            accounts = self.storage_parts.accounts
            await self.events.tell(*await settings.changes(before, by_hand, accounts, self.origins))


def mail_drop() -> Callable[[bytes], Awaitable[None]] | None:
    """Where mail goes instead of the network, announced; None in earnest."""
    path = os.environ.get(TEST_MAIL_DROP)
    if not path:
        return None
    log.warning("test-mail-drop", path=path, note="no mail leaves this machine")

    threads = trio.CapacityLimiter(limits.DROP_THREADS)

    async def take(octets: bytes) -> None:
        put = partial(maildrop.drop, Path(path), octets)
        await trio.to_thread.run_sync(put, abandon_on_cancel=True, limiter=threads)  # may be a FIFO that nobody reads

    return take


def mx_port() -> int:
    """The port of other domains' mail servers; another one than 25 is announced. Raises: Failed."""
    text = os.environ.get(TEST_MX_PORT)
    if not text:
        return SMTP_PORT
    if not text.isdecimal() or not 0 < int(text) < 2**16:
        raise Failed(f"{TEST_MX_PORT} is not a port: {text}")
    log.warning("test-mx-port", port=int(text), note="mail goes to this port of every mail server")
    return int(text)


def reachable(sock: socket.socket) -> tuple[str, int]:
    """Where this machine reaches a listening socket: its address, or loopback when it listens on all of them."""
    host, port = sock.getsockname()[:2]
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port


def spawner_options(run_as: int | None) -> dict[str, int]:
    """Identity of the helpers. Raises: Failed when root has no user for them."""
    if os.geteuid() != 0:
        log.warning("not-root", note="every mailbox and hook uses this process's own uid", uid=os.geteuid())
        return {}
    if run_as is not None:
        return {"run_as": run_as, "uid": run_as, "gid": run_as}
    account = Accounts(as_root=True).find(WORKER_USER)
    if account is None or account.uid == 0:
        raise Failed(
            f"the system user {WORKER_USER} does not exist; create it with"
            f" 'useradd --system --no-create-home --shell /usr/sbin/nologin {WORKER_USER}'"
        )
    return {"uid": account.uid, "gid": account.gid}


def bind_smtp(address: tuple[str, int]) -> socket.socket:
    """A listening socket. Raises: Failed naming the address."""
    host, port = address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(limits.BACKLOG)
    except OSError as error:
        sock.close()
        hint = "; a port below 1024 is for root, --bind names another" if error.errno == errno.EACCES else ""
        raise Failed(f"cannot listen on {host}:{port}: {error.strerror}{hint}") from error
    return sock


def serve(options: Options) -> None:
    """Run the daemon until it is told to stop. Raises: AimxError before it serves."""
    os.umask(0o022)
    linux.malloc_bounds(limits.MALLOC_ARENAS, limits.MALLOC_MAPPED)
    domain.warm_up()
    # Until the receiver stands a reload is lost, not fatal. A handler, because "ignore" would be inherited by hooks.
    signal.signal(signal.SIGHUP, lambda *_: None)
    daemon = Daemon(options)
    try:
        trio.run(daemon.run)
    except BaseExceptionGroup as group:
        raise sole(group) from None
