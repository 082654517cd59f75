"""config.toml as setup writes it: created where there is none, moved to another domain, put back. Never lost.

Also the directories of root's that it and its neighbours lie in.
"""

import os
from pathlib import Path
from typing import Any

from aimx.config import domain as domains
from aimx.config import edit
from aimx.effects import files
from aimx.errors import ConfigInvalid, Failed

MODE = 0o640  # guide


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


def create(path: Path, octets: bytes) -> None:
    """A new file; one that appeared meanwhile is left alone. Raises: OSError; ConfigInvalid."""
    fd = directory(path.parent, 0o755)
    part = f".{path.name}.part"
    try:
        files.remove(fd, part)  # of a crash
        files.write_new(fd, part, octets, MODE)
        try:
            files.rename_noreplace(fd, part, fd, path.name)
        except FileExistsError as error:
            files.remove(fd, part)
            raise ConfigInvalid(f"somebody has written {path} meanwhile; it is left as it is") from error
        os.fsync(fd)
    finally:
        os.close(fd)


def drop(path: Path, octets: bytes) -> None:
    """Remove what `create` has written, if it is there and still that. Raises: OSError; Failed."""
    fd = directory(path.parent, 0o755)
    try:
        files.remove(fd, f".{path.name}.part")
        if not files.exists(fd, path.name):
            return
        if files.read(fd, path.name) != octets:
            raise Failed(f"{path} is not what was written, and stays")
        files.remove(fd, path.name)
        os.fsync(fd)
    finally:
        os.close(fd)


class Move:
    """One change of the domain. The file as it was stays beside the new one, under the old domain's name."""

    def __init__(self, path: Path, old: str, new: str) -> None:
        self.path, self.old, self.new = path, old, new
        self._before: bytes | None = None
        self._after: bytes | None = None

    def carry_out(self, data_dir: Path | None) -> None:
        """By the holder of the writer lock. Raises: OSError; ConfigInvalid; StorageFailed."""
        self._before = self.path.read_bytes()
        _put(self.path.with_name(f"{self.path.name}.{self.old}"), self._before)
        change = domains.moved(self.old, self.new)

        def remembered(document: Any) -> None:
            change(document)
            self._after = document.as_string().encode()  # it may be on disk also when the edit fails after all

        edit.transact(self.path, data_dir, remembered)

    def take_back(self) -> None:
        """The old file is in its place again, unless somebody has changed it since. Raises: OSError; Failed."""
        found = self.path.read_bytes()
        if self._before is None or found == self._before:
            return
        if found != self._after:
            raise Failed(f"{self.path} was changed meanwhile, and stays")
        _put(Path(os.path.realpath(self.path)), self._before)


def _put(path: Path, octets: bytes) -> None:
    fd = directory(path.parent, 0o755)
    try:
        files.replace(fd, path.name, octets, MODE)
    finally:
        os.close(fd)
