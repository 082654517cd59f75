"""Which hooks came over the socket (U3): a register beside config.toml that only root can read or write.

A hook is the operator's unless the register says otherwise. An entry names what the hook was: mailbox, name, event and
argv. So a hook that was written by hand in the place of one that came over the socket is the operator's, and losing
the register makes every hook the operator's: nothing runs differently, and only root can delete what is there.

The register and config.toml are two files, and a crash may come between them. Until both are written, an entry holds
only while config.toml has the very octets that the entry names. So whatever happens in between, be it an edit by hand,
no entry ever holds for a hook that it was not made for.
"""

import errno
import hashlib
import json
import os
import secrets
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from aimx import limits, log
from aimx.config import hookedit, load
from aimx.errors import ConfigInvalid, StorageFailed
from aimx.model.config import Config
from aimx.model.hook import Origin, Written

NAME = "hook-origins.json"
LOSS = "every hook counts as the operator's: nothing runs differently, and only root can delete what is there"
_VERSION = 1
_PASSING = {errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM}  # they say nothing of the register itself
_MODE = 0o600
Known = tuple[Iterable[Written], str]  # the hooks of config.toml, and its digest


class Entry(NamedTuple):
    """One hook that came over the socket. `source`: it holds only while config.toml has this digest; "": it holds."""

    mailbox: str
    hook: str
    digest: str
    source: str = ""


class Origins:
    """Implements effects.api.Origins. What a call changes is on disk, file and directory, when it returns."""

    def __init__(self, config_file: Path) -> None:
        self._config_file = config_file
        self.path = config_file.parent / NAME
        self._lock = threading.Lock()
        self._changing = False

    def of(self, hook: Written, source: str) -> Origin:
        """Who made a hook. `source`: the digest of the config.toml that has it."""
        held = (entry for entry in self._read() if entry.source in ("", source))
        return "mcp" if any(_is(entry, hook) for entry in held) else "operator"

    def announce(self, hook: Written, after: str, hooks: Iterable[Written], before: str) -> None:
        """A hook that came over the socket is about to be written; the digest of config.toml will be `after`.

        `hooks` and `before`: what config.toml holds until then, and its digest. Raises: StorageFailed.
        """
        with self._lock:
            self._changing = True
            self._write([*self._settled(hooks, before), _entry(hook, after)])

    def withdraw(self, hook: Written, hooks: Iterable[Written], before: str) -> None:
        """A hook is about to be deleted, or the operator's to be written: no entry for it outlives that.

        Raises: StorageFailed.
        """
        with self._lock:
            self._changing = True
            entries = self._settled(hooks, before)
            self._write([entry._replace(source=before) if _is(entry, hook) else entry for entry in entries])

    def conclude(self, hook: Written, exists: bool | None) -> None:
        """What was announced or withdrawn has happened, or not: the hook now exists or it does not.

        None: it failed, and how far it got only config.toml can say.
        """
        with self._lock:
            self._changing = False
            if exists is None:
                exists = self._stands(hook)
            if exists is None:
                return
            self._try(
                lambda: [
                    entry._replace(source="") if _is(entry, hook) else entry
                    for entry in self._read(to_write=True)
                    if exists or not _is(entry, hook)
                ]
            )

    def _stands(self, hook: Written) -> bool | None:
        """Whether config.toml has the hook; None: it cannot be read."""
        try:
            return hook in hookedit.hooks(load.read(self._config_file).decode())
        except (ConfigInvalid, UnicodeDecodeError):
            return None

    def settle(self, current: Callable[[], Known]) -> None:
        """Confirm or drop what a crash left half done, forget what no longer exists. Not amid an announced change."""
        with self._lock:
            if not self._changing:
                self._try(lambda: self._settled(*current()))

    def _try(self, change: Callable[[], list[Entry]]) -> None:
        """Trouble is logged: an entry that stays as it was still says no more than the truth."""
        try:
            self._write(change())
        except StorageFailed as error:
            log.error("hook-origins-not-written", why=error.detail or error.reason)

    def _settled(self, hooks: Iterable[Written], source: str) -> list[Entry]:
        known = {(hook.mailbox, hook.name, digest(hook)) for hook in hooks}
        held = (entry._replace(source="") for entry in self._read(to_write=True) if entry.source in ("", source))
        return [entry for entry in held if entry[:3] in known]

    def _read(self, to_write: bool = False) -> list[Entry]:
        """`to_write`: what is not read is written no more. Raises: StorageFailed then, when it may be read later."""
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(fd, "rb") as file:
                octets = file.read(limits.CONFIG_OCTETS + 1) or b""
        except FileNotFoundError:
            return []
        except OSError as error:
            if to_write and error.errno in _PASSING:
                raise StorageFailed(f"{self.path} cannot be read: {error.strerror}", detail=str(error)) from error
            log.error("hook-origins-unreadable", path=str(self.path), why=error.strerror, so=LOSS)
            return []
        try:
            return _decoded(octets)
        except (ValueError, TypeError, LookupError, RecursionError) as error:
            log.error("hook-origins-damaged", path=str(self.path), why=str(error), so=LOSS)
            return []

    def _write(self, entries: list[Entry]) -> None:
        entries = sorted(set(entries))
        if entries == sorted(self._read(to_write=True)):
            return
        rows = [entry._asdict() for entry in entries]
        octets = json.dumps({"version": _VERSION, "mcp": rows}, indent=1).encode() + b"\n"
        temporary = self.path.with_name(f".{self.path.name}.{secrets.token_hex(8)}")
        try:
            try:
                _write_file(temporary, octets)
                os.rename(temporary, self.path)
            finally:
                temporary.unlink(missing_ok=True)
            _sync_directory(self.path.parent)
        except OSError as error:
            raise StorageFailed(f"{self.path} cannot be written: {error.strerror}", detail=str(error)) from error


def digest(hook: Written) -> str:
    """What an entry remembers of what a hook does."""
    text = json.dumps([hook.mailbox, hook.event, *hook.cmd])
    return hashlib.sha256(text.encode()).hexdigest()


def _entry(hook: Written, source: str) -> Entry:
    return Entry(hook.mailbox, hook.name, digest(hook), source)


def _is(entry: Entry, hook: Written) -> bool:
    return entry[:3] == (hook.mailbox, hook.name, digest(hook))


def _decoded(octets: bytes) -> list[Entry]:
    value: Any = json.loads(octets)
    if value["version"] != _VERSION:
        raise ValueError(f"version {value['version']}")
    entries = [Entry(**row) for row in value["mcp"]]
    if not all(isinstance(text, str) for entry in entries for text in entry):
        raise ValueError("not text")
    return entries


def _write_file(path: Path, octets: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(file.fileno(), _MODE)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def _sync_directory(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def beside(config_file: Path, source: str) -> Origins:
    """The register of a configuration that was just read; what a crash left half done is settled.

    `source`: the digest of what was read. A file that has changed since is settled at the next edit.
    """
    found = Origins(config_file)
    octets = load.read(config_file)
    if load.digest(octets) == source:
        found.settle(lambda: (hookedit.hooks(octets.decode()), source))
    return found


def known(config: Config) -> Known:
    """What a snapshot holds."""
    hooks = ((mailbox, hook) for mailbox in config.mailboxes.values() for hook in mailbox.hooks)
    return [Written(mailbox.name, hook.name, hook.event, hook.cmd) for mailbox, hook in hooks], config.source
