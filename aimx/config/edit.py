"""Edits of config.toml that keep comments, order and whitespace (S5).

Only the holder of the writer lock calls this; the lock here orders its threads. Nothing is changed unless the whole
result is valid and on disk.
"""

import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from aimx import limits
from aimx.config import load
from aimx.errors import ConfigInvalid, StorageFailed
from aimx.model.config import Config

Edit = Callable[[tomlkit.TOMLDocument], None]
_MODE = 0o640  # guide: config.toml, root:root
_lock = threading.Lock()


def transact(path: Path, data_dir: Path | None, edit: Edit) -> tuple[bytes, Config]:
    """Apply an edit to what is on disk now, validate the result, replace the file and sync it.

    A symbolic link stays and its target is replaced. The edit may run again when somebody saves the file meanwhile.

    Commits: the new file under its name, file and directory synced, mode 0640, owner as before.
    Raises: ConfigInvalid or whatever the edit raises, with nothing changed; StorageFailed.
    """
    with _lock:
        target = Path(os.path.realpath(path))
        for _ in range(limits.CONFIG_EDIT_ATTEMPTS):
            old, found = _read(target)
            new = _edited(target, old, edit)
            config = load.parse(new, str(path), data_dir)
            if _replace(target, found, new):
                return new, config
        raise StorageFailed(f"{path} keeps changing while it is edited; try again")


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    """The file and its state before that: a save in between shows as a change, never as a lost edit."""
    load.read(path)  # says why when it cannot be read
    try:
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
    edit(document)
    return tomlkit.dumps(document).encode()


def _replace(path: Path, old: os.stat_result, octets: bytes) -> bool:
    """Whether the file was replaced; False: it is no longer the one that was read."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        try:
            _write(temporary, old, octets)
            if _changed(path, old):
                return False
            os.rename(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_directory(path.parent)
    except OSError as error:
        raise StorageFailed(f"{path} cannot be written: {error.strerror}", detail=str(error)) from error
    return True


def _write(path: Path, old: os.stat_result, octets: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "wb") as file:
        if os.geteuid() == 0:
            os.fchown(file.fileno(), old.st_uid, old.st_gid)
        os.fchmod(file.fileno(), _MODE)
        file.write(octets)
        file.flush()
        os.fsync(file.fileno())


def _changed(path: Path, old: os.stat_result) -> bool:
    now = path.stat()
    return (now.st_dev, now.st_ino, now.st_mtime_ns, now.st_size) != (
        old.st_dev, old.st_ino, old.st_mtime_ns, old.st_size,
    )  # fmt: skip


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
