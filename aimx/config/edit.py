"""Edits of config.toml that keep comments, order and whitespace (S5).

Only the holder of the writer lock calls this; the lock here orders its threads. Nothing is changed unless the whole
result is valid and on disk. Whoever saves the file by hand takes no lock: what he has saved is merged, what he is
saving is waited for, and a save between our last look and our own is found in what the exchange of the two brings out.
"""

import errno
import os
import re
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aimx import limits
from aimx.config import load
from aimx.effects import linux
from aimx.errors import ConfigInvalid, StorageFailed
from aimx.model.config import Config

Edit = Callable[[tomlkit.TOMLDocument], str | None]  # in place; or the text that it is to become
_MODE = 0o640  # guide: config.toml, root:root
_lock = threading.Lock()
_State = tuple[int, int, int, int]
_own: set[_State] = set()  # how the files that we wrote look: they are whole


class Merged(NamedTuple):
    """The new file and what it says; `found`: what the file said before the edit, hand edits included."""

    octets: bytes
    config: Config
    found: Config


def transact(path: Path, data_dir: Path | None, edit: Edit) -> tuple[bytes, Config]:
    """`merge`, for who asks only for the new file and what it says."""
    merged = merge(path, data_dir, edit)
    return merged.octets, merged.config


def merge(path: Path, data_dir: Path | None, edit: Edit) -> Merged:
    """Apply an edit to what is on disk now, validate the result, replace the file and sync it.

    A symbolic link stays and its target is replaced. The edit may run again when somebody saves the file meanwhile.

    Commits: the new file under its name, file and directory synced, mode 0640, owner as before.
    Raises: ConfigInvalid or whatever the edit raises, with nothing changed; StorageFailed.
    """
    with _lock:
        target = Path(os.path.realpath(path))
        _sweep(target)
        for _ in range(limits.CONFIG_EDIT_ATTEMPTS):
            old, found = _read(target)
            before = load.parse(old, str(path), data_dir)  # what is wrong already is told as such
            new = _edited(target, old, edit)
            config = load.parse(new, str(path), data_dir)
            if _replace(target, found, new):
                return Merged(new, config, before)
        raise StorageFailed(f"{path} keeps changing while it is edited; try again")


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """The file and its state before that: a save in between shows as a change, never as a lost edit."""
    load.read(path)  # says why when it cannot be read
    try:
        found = path.stat()
        if _state(found) not in _own and abs(time.time() - found.st_mtime) < limits.CONFIG_SETTLE_S:
            time.sleep(limits.CONFIG_SETTLE_S)  # an editor may be in the middle of it
            found = path.stat()
    except OSError as error:
        raise StorageFailed(f"{path} cannot be read: {error.strerror}") from error
    return load.read(path), found


def _edited(path: Path, octets: bytes, edit: Edit) -> bytes:
    try:
        text = octets.decode()
        document = tomlkit.parse(text)
        faithful = tomlkit.dumps(document) == text
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise ConfigInvalid(f"{path} cannot be edited: {error}") from error
    if not faithful:
        raise ConfigInvalid(f"{path} cannot be edited without touching other lines; edit it by hand")
    result = edit(document)
    return (tomlkit.dumps(document) if result is None else result).encode()


def _replace(path: Path, old: os.stat_result, octets: bytes) -> bool:
    """Whether the file was replaced; False: it is no longer the one that was read."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            written = _write(temporary, old, octets)
            if _changed(path, old):
                return False
            _exchange(temporary, path)
            if _changed(temporary, old):
                _back(temporary, path, written)
                return False
            try:
                _sync_directory(path.parent)
            except OSError:
                _back(temporary, path, written)
                raise
        finally:
            temporary.unlink(missing_ok=True)
        _own.clear()
        _own.add(_state(written))
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {error.strerror}", detail=str(error)) from error
    return True


def _back(temporary: Path, path: Path, written: os.stat_result) -> None:
    """What was there is there again, unless somebody has put something else there."""
    if path.stat().st_ino == written.st_ino:
        _exchange(temporary, path)


def _sweep(path: Path) -> None:
    """What a crash left; only the holder of the writer lock makes such files."""
    ours = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{16}}(\.old)?")
    try:
        for name in filter(ours.fullmatch, os.listdir(path.parent)):
            path.with_name(name).unlink(missing_ok=True)
    except OSError as error:
        raise StorageFailed(f"{path.parent} cannot be written: {error.strerror}", detail=str(error)) from error


def _exchange(temporary: Path, path: Path) -> None:
    """Swap the two names, in one step where the file system can."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        linux.rename_exchange(directory, temporary.name, directory, path.name)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS):
            raise
        os.link(path, temporary.with_name(f"{temporary.name}.old"))
        os.rename(temporary, path)
        os.rename(temporary.with_name(f"{temporary.name}.old"), temporary)
    finally:
        os.close(directory)


def _write(path: Path, old: os.stat_result, octets: bytes) -> os.stat_result:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), _MODE)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())
        return os.fstat(file.fileno())


def _changed(path: Path, old: os.stat_result) -> bool:
    return _state(path.stat()) != _state(old)


def _state(status: os.stat_result) -> _State:
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
