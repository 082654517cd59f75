"""Each change that setup can make to a host, and how it is taken back. `apply.py` decides the order and the undoing."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

import trio

from aimx.config import domain as domains
from aimx.config import edit, fresh
from aimx.effects import files, keyfiles
from aimx.effects.lock import WriterLock
from aimx.errors import ConfigInvalid, Failed
from aimx.mailauth.sign import SigningKey
from aimx.provision import service as services
from aimx.provision.service.api import Service
from aimx.provision.setup import accounts, certificate
from aimx.provision.setup.api import Answers
from aimx.provision.setup.apply import Action, Undo
from aimx.provision.setup.site import Site
from aimx.provision.setup.survey import LOG_MODE, SELECTOR, Ground
from aimx.store import readme
from aimx.store.tree import Tree

T = TypeVar("T")
_thread = trio.CapacityLimiter(1)
_CONFIG_MODE = 0o640  # guide


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
            "user-worker": Action(lambda: self._user(accounts.WORKER), f"the user {accounts.WORKER}"),
            "user-catchall": Action(lambda: self._user(accounts.CATCHALL), f"the user {accounts.CATCHALL}"),
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

    async def _stop(self) -> Undo:
        await self.service.stop()
        return Undo("the service runs again", self.service.start)

    async def _pair(self) -> None:
        config = self.ground.config
        await _in_thread(lambda: pair(self.site.config_dir, config.dkim_selector if config is not None else SELECTOR))

    async def _certificate(self) -> Undo:
        place, name = self.site.tls_dir, self.answers.domain

        def put(new: certificate.Pair, how: Callable[[int, certificate.Pair], None]) -> None:
            fd = directory(place, 0o755)
            try:
                how(fd, new)
            finally:
                os.close(fd)

        before = certificate.present(place)
        await _in_thread(lambda: put(certificate.make(place, name, time.time()), certificate.replace))
        what = "the certificate that was there" if before.certificate else "no certificate, as before"
        return Undo(what, lambda: _in_thread(lambda: put(before, certificate.put_back)))

    async def _logs(self) -> None:
        await _in_thread(lambda: os.close(directory(self.site.log_dir, LOG_MODE)))

    async def _tree(self) -> None:
        await _in_thread(lambda: Tree(self.ground.data_dir, accounts.Directory(self.site.root)).close())

    async def _config(self) -> Undo:
        path, data_dir = self.site.config_file, str(self.ground.data_dir)
        wanted = self.answers
        octets = fresh.document(wanted.domain, wanted.senders, data_dir, wanted.catchall)
        await _in_thread(lambda: _write_config(path, octets))
        return Undo("no configuration, as before", lambda: _in_thread(lambda: _drop(path, octets)))

    async def _domain(self) -> Undo:
        assert self.ground.config is not None
        path, old, new = self.site.config_file, self.ground.config.domain, self.answers.domain
        before, octets = await _in_thread(lambda: self._move(path, old, new))

        def back() -> None:
            if path.read_bytes() != octets:
                raise Failed(f"{path} was changed meanwhile")
            _put(path, before)

        return Undo(f"the configuration of {old}", lambda: _in_thread(back))

    def _move(self, path: Path, old: str, new: str) -> tuple[bytes, bytes]:
        """The file before and after; what was before stays beside it, under the old domain's name."""
        tree = Tree(self.ground.data_dir, accounts.Directory(self.site.root))
        try:
            lock = WriterLock(tree.private, self.ground.data_dir)
            try:
                before = path.read_bytes()
                _put(path.with_name(f"{path.name}.{old}"), before)
                octets, _ = edit.transact(path, self.site.data_dir, domains.moved(old, new))
            finally:
                lock.release()
        finally:
            tree.close()
        return before, octets

    async def _mailboxes(self) -> Undo:
        made = await _in_thread(self._make_mailboxes)
        return Undo("the new mailbox directories", lambda: _in_thread(lambda: _unmake(self.ground.data_dir, made)))

    def _make_mailboxes(self) -> tuple[str, ...]:
        config = self.ground.config
        owners = {fresh.CATCHALL: accounts.CATCHALL}
        if config is not None:
            owners = {name: box.owner for name, box in config.mailboxes.items()}
        wanted = self.ground.missing if config is not None else (f"inbox/{fresh.CATCHALL}",)
        tree = Tree(self.ground.data_dir, accounts.Directory(self.site.root))
        made = []
        try:
            for place in wanted:
                folder, _, name = place.partition("/")
                there = (self.ground.data_dir / place).exists()
                problem = tree.folders.prepare(folder, name, owners[name])  # type: ignore[arg-type]
                if problem:
                    raise Failed(problem)
                made += [] if there else [place]
        finally:
            tree.close()
        return tuple(made)

    async def _readme(self) -> None:
        def write() -> None:
            fd = files.open_directory(str(self.ground.data_dir))
            try:
                if readme.stale(fd):
                    files.replace(fd, readme.NAME, readme.document(), 0o644)
            finally:
                os.close(fd)

        await _in_thread(write)

    async def _install(self) -> Undo:
        path = self.service.path
        before = path.read_text() if path.is_file() else None
        await self.service.install(self.service.text(self.site.program, self.site.config_dir, self.ground.data_dir))

        async def back() -> None:
            await (self.service.remove() if before is None else self.service.install(before))

        return Undo("no service, as before" if before is None else "the service file that was there", back)

    async def _start(self) -> Undo:
        await self.service.start()
        return Undo("the service is stopped", self.service.stop)

    async def _ready(self) -> None:
        await services.ready(self.service, self.site.socket, self.site.smtp)


def directory(path: Path, mode: int) -> int:
    """A descriptor of a directory of root's in one of the system's, made with those above it where they are missing.

    Its mode is right before it has its name. Raises: OSError; Failed when it is not root's.
    """
    path.parent.mkdir(0o755, parents=True, exist_ok=True)
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd = files.ensure_directory(path.name, mode, parent)
    finally:
        os.close(parent)
    status = os.fstat(fd)
    if status.st_uid != os.geteuid():
        os.close(fd)
        raise Failed(f"{path} belongs to uid {status.st_uid}, not to root; run: chown root:root {path}")
    if mode != 0o755:
        os.fchmod(fd, mode)
    return fd


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


def _write_config(path: Path, octets: bytes) -> None:
    """A new file; one that appeared meanwhile is left alone. Raises: OSError; ConfigInvalid."""
    fd = directory(path.parent, 0o755)
    part = f".{path.name}.part"
    try:
        files.remove(fd, part)  # of a crash
        files.write_new(fd, part, octets, _CONFIG_MODE)
        try:
            files.rename_noreplace(fd, part, fd, path.name)
        except FileExistsError as error:
            files.remove(fd, part)
            raise ConfigInvalid(f"somebody has written {path} meanwhile; it is left as it is") from error
        os.fsync(fd)
    finally:
        os.close(fd)


def _put(path: Path, octets: bytes) -> None:
    fd = directory(path.parent, 0o755)
    try:
        files.replace(fd, path.name, octets, _CONFIG_MODE)
    finally:
        os.close(fd)


def _drop(path: Path, octets: bytes) -> None:
    """Remove the configuration that was just written, if it is still that."""
    if path.read_bytes() != octets:
        raise Failed(f"{path} was changed meanwhile")
    path.unlink()


def _unmake(data_dir: Path, made: tuple[str, ...]) -> None:
    """Directories that are still empty go."""
    for place in made:
        os.rmdir(data_dir / place)
