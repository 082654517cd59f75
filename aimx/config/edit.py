"""Edits of config.toml that keep comments, order and whitespace (S5)."""

import os
import threading
from collections.abc import Callable
from pathlib import Path

import tomlkit

from aimx.config import load
from aimx.errors import ConfigInvalid, StorageFailed
from aimx.model.config import Config

Edit = Callable[[tomlkit.TOMLDocument], None]
_lock = threading.Lock()


def transact(path: Path, data_dir: Path | None, edit: Edit) -> tuple[bytes, Config]:
    """Apply an edit to what is on disk now, validate the result, replace the file (0640) and sync it.

    Raises: ConfigInvalid or whatever the edit raises, with nothing changed; StorageFailed.
    """
    with _lock:
        try:
            document = tomlkit.parse(path.read_bytes().decode())
        except (OSError, ValueError) as error:
            raise ConfigInvalid(f"{path} cannot be edited: {error}") from error
        edit(document)
        octets = tomlkit.dumps(document).encode()
        config = load.parse(octets, str(path), data_dir)
        _replace(path, octets)
        return octets, config


def _replace(path: Path, octets: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        with os.fdopen(fd, "wb") as file:
            os.fchmod(file.fileno(), 0o640)
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise StorageFailed(f"{path} cannot be written", detail=str(error)) from error
