"""Each change that setup can make to a host, and how it is taken back. `apply.py` decides the order and the undoing."""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import trio

from aimx.config import fresh
from aimx.effects import files, keyfiles
from aimx.effects.lock import WriterLock
from aimx.errors import Failed
from aimx.mailauth.sign import SigningKey
from aimx.provision import service as services
from aimx.provision.service.api import Service
from aimx.provision.setup import accounts, certificate, configfile
from aimx.provision.setup.api import Answers
from aimx.provision.setup.apply import Action, Register, Undo
from aimx.provision.setup.configfile import directory
from aimx.provision.setup.site import Site
from aimx.provision.setup.survey import LOG_MODE, SELECTOR, Ground
from aimx.store import readme
from aimx.store.tree import Tree

T = TypeVar("T")
_thread = trio.CapacityLimiter(1)


async def _in_thread(work: Callable[[], T]) -> T:
    """Not abandoned: whoever interrupts waits until it is whole or not there."""
    return await trio.to_thread.run_sync(work, limiter=_thread)


class Work(NamedTuple):
    """One run: which host, what stands there, what is wanted."""

    site: Site
    service: Service
    ground: Ground
    answers: Answers

    def actions(self) -> dict[str, Action]:
        """By name of the change."""
        key = f"the DKIM pair in {self.site.config_dir / 'dkim'}"
        return {
            "user-worker": Action(lambda _: self._user(accounts.WORKER), f"the user {accounts.WORKER}"),
            "user-catchall": Action(lambda _: self._user(accounts.CATCHALL), f"the user {accounts.CATCHALL}"),
            "stop": Action(self._stop),
            "pair": Action(self._pair, key),
            "certificate": Action(self._certificate),
            "logs": Action(self._logs, str(self.site.log_dir)),
            "tree": Action(self._tree, f"the directories in {self.ground.data_dir}"),
            "config": Action(self._config),
            "domain": Action(self._domain),
            "mailboxes": Action(self._mailboxes),
            "readme": Action(self._readme),
            "service": Action(self._install),
            "start": Action(self._start),
            "ready": Action(self._ready),
        }

    async def _user(self, name: str) -> None:
        await accounts.create(accounts.Directory(self.site.root), name)

    async def _stop(self, register: Register) -> None:
        register(Undo("the service runs again", self.service.start))
        await self.service.stop()

    async def _pair(self, _: Register) -> None:
        config = self.ground.config
        await _in_thread(lambda: pair(self.site.config_dir, config.dkim_selector if config is not None else SELECTOR))

    async def _certificate(self, register: Register) -> None:
        place, name = self.site.tls_dir, self.answers.domain

        def put(how: Callable[[int], None]) -> None:
            fd = directory(place, 0o755)
            try:
                how(fd)
            finally:
                os.close(fd)

        before = certificate.present(place)
        what = "the certificate is the one that was there" if before.certificate else "there is no certificate"
        register(Undo(what, lambda: _in_thread(lambda: put(lambda fd: certificate.put_back(fd, before)))))
        await _in_thread(lambda: put(lambda fd: certificate.replace(fd, certificate.make(place, name, time.time()))))

    async def _logs(self, _: Register) -> None:
        await _in_thread(lambda: os.close(directory(self.site.log_dir, LOG_MODE)))

    async def _tree(self, _: Register) -> None:
        await _in_thread(lambda: self._opened().close())

    def _opened(self) -> Tree:
        """The data directory; what is missing of it is made. Raises: Failed."""
        return Tree(self.ground.data_dir, accounts.Directory(self.site.root))

    async def _config(self, register: Register) -> None:
        path, wanted = self.site.config_file, self.answers
        octets = fresh.document(wanted.domain, wanted.senders, str(self.ground.data_dir), wanted.catchall)
        register(Undo("there is no configuration", lambda: _in_thread(lambda: configfile.drop(path, octets))))
        await _in_thread(lambda: configfile.create(path, octets))

    async def _domain(self, register: Register) -> None:
        assert self.ground.config is not None
        move = configfile.Move(self.site.config_file, self.ground.config.domain, self.answers.domain)

        def carry_out() -> None:
            tree = self._opened()
            try:
                lock = WriterLock(tree.private, self.ground.data_dir)
                try:
                    move.carry_out(self.site.data_dir)
                finally:
                    lock.release()
            finally:
                tree.close()

        register(Undo(f"the configuration is that of {move.old}", lambda: _in_thread(move.take_back)))
        await _in_thread(carry_out)

    async def _mailboxes(self, register: Register) -> None:
        config = self.ground.config
        owners = {fresh.CATCHALL: accounts.CATCHALL}
        if config is not None:
            owners = {name: box.owner for name, box in config.mailboxes.items()}
        wanted = self.ground.missing if config is not None else (f"inbox/{fresh.CATCHALL}",)
        new = await _in_thread(lambda: tuple(one for one in wanted if not (self.ground.data_dir / one).exists()))
        undo = Undo("the new mailbox directories are gone", lambda: _in_thread(lambda: self._unmake(new)))
        if config is None:
            register(undo)  # those of a configuration that stays are wanted in any case
        await _in_thread(lambda: self._make_folders(wanted, owners))

    def _make_folders(self, wanted: tuple[str, ...], owners: dict[str, str]) -> None:
        tree = self._opened()
        try:
            for place in wanted:
                folder, _, name = place.partition("/")
                problem = tree.folders.prepare(folder, name, owners[name])  # type: ignore[arg-type]
                if problem:
                    raise Failed(problem)
        finally:
            tree.close()

    def _unmake(self, made: tuple[str, ...]) -> None:
        """Those that are there and empty: rmdir takes no other."""
        for place in made:
            with contextlib.suppress(FileNotFoundError):
                os.rmdir(self.ground.data_dir / place)

    async def _readme(self, _: Register) -> None:
        def write() -> None:
            fd = os.open(self.ground.data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                if readme.stale(fd):
                    files.replace(fd, readme.NAME, readme.document(), 0o644)
            finally:
                os.close(fd)

        await _in_thread(write)

    async def _install(self, register: Register) -> None:
        path = self.service.path
        before = path.read_text() if path.is_file() else None

        async def back() -> None:
            await (self.service.remove() if before is None else self.service.install(before))

        what = "there is no service" if before is None else "the service file is the one that was there"
        register(Undo(what, back))
        await self.service.install(self.service.text(self.site.program, self.site.config_dir, self.ground.data_dir))

    async def _start(self, register: Register) -> None:
        register(Undo("the service is stopped", self.service.stop))
        await self.service.start()

    async def _ready(self, _: Register) -> None:
        await services.ready(self.service, self.site.socket, self.site.smtp)


def pair(config_dir: Path, selector: str) -> bool:
    """The DKIM pair of a selector, made unless it is there; whether it was. Raises: OSError; SignFailed."""
    os.close(directory(config_dir, 0o755))
    place = keyfiles.place(config_dir, selector)
    with keyfiles.opened(config_dir, None if place == config_dir / "dkim" else selector) as fd:
        made = not files.exists(fd, keyfiles.PRIVATE)
        if made:
            keyfiles.replace(fd, keyfiles.PRIVATE, keyfiles.generate())
        key = SigningKey(keyfiles.read(place).pem)
        if keyfiles.public(place) != key.public_pem:
            keyfiles.replace(fd, keyfiles.PUBLIC, key.public_pem)
    return made
