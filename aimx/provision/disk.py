"""Mailbox directories, what lies beside them, and the room that is left. Only looks.

The owner of a mailbox directory is an adversary (S2): nothing below inbox/ and sent/ is opened by path, no link and no
mount of an owner's is entered, and no file is read.
"""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from aimx import limits
from aimx.effects import files, linux
from aimx.model.config import Config
from aimx.model.delivery import Folder
from aimx.provision.facts import Directory, File, Space, Stray

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDERS: tuple[Folder, ...] = ("inbox", "sent")


def directories(data_dir: PurePath, wanted: Iterable[tuple[Folder, str]]) -> tuple[Directory, ...]:
    """Each mailbox directory as it is."""
    return tuple(_directory(data_dir, folder, mailbox) for folder, mailbox in wanted)


def configured(config: Config) -> list[tuple[Folder, str]]:
    """The directories that the mailboxes of a configuration have: the catchall sends nothing."""
    return [
        (folder, mailbox.name)
        for mailbox in config.mailboxes.values()
        for folder in (_FOLDERS[:1] if mailbox.catchall else _FOLDERS)
    ]


def _directory(data_dir: PurePath, folder: Folder, mailbox: str) -> Directory:
    path = str(data_dir / folder / mailbox)
    try:
        fd = _below(data_dir / folder, mailbox, _LOOK)
    except OSError as error:
        if error.errno == errno.EXDEV:
            return Directory(path, folder, mailbox, "present", foreign_device=True)
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            return Directory(path, folder, mailbox, "not-a-directory")
        missing = error.errno == errno.ENOENT
        return Directory(path, folder, mailbox, "missing" if missing else "hidden")
    status = os.fstat(fd)
    os.close(fd)
    if not stat.S_ISDIR(status.st_mode):
        return Directory(path, folder, mailbox, "not-a-directory")
    mode = stat.S_IMODE(status.st_mode)
    return Directory(path, folder, mailbox, "present", status.st_uid, status.st_gid, mode)


def _below(parent: PurePath, name: str, flags: int) -> int:
    """Raises: OSError."""
    root = os.open(parent, files.DIRECTORY)
    try:
        return linux.open_beneath(root, name, flags)
    finally:
        os.close(root)


def strays(data_dir: PurePath, known: set[tuple[Folder, str]]) -> tuple[Stray, ...]:
    """Directories that no mailbox of the configuration has."""
    return tuple(
        Stray(str(data_dir / folder / name), _entries(data_dir / folder, name))
        for folder in _FOLDERS
        for name in sorted(_listed(data_dir / folder))
        if (folder, name) not in known and not name.startswith(".")
    )


def messages(data_dir: PurePath, mailbox: str) -> int | None:
    """How many messages the inbox of a mailbox holds; None when we may not look."""
    return _entries(data_dir / "inbox", mailbox)


def _listed(directory: PurePath) -> list[str]:
    try:
        return os.listdir(directory)
    except OSError:
        return []


def _entries(parent: PurePath, name: str) -> int | None:
    """Messages are files `….md` and directories; a name with a leading dot is work in progress."""
    try:
        fd = _below(parent, name, files.DIRECTORY)
    except OSError:
        return None
    try:
        return sum(1 for _ in _messages(fd))
    except OSError:
        return None
    finally:
        os.close(fd)


def _messages(fd: int) -> Iterator[str]:
    with os.scandir(fd) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and (entry.name.endswith(".md") or entry.is_dir(follow_symlinks=False)):
                yield entry.name


def space(data_dir: PurePath) -> Space | None:
    """What the file system of the data directory has left for root."""
    try:
        found = os.statvfs(data_dir)
    except OSError:
        return None
    return Space(
        str(data_dir), found.f_blocks * found.f_frsize, found.f_bfree * found.f_frsize, found.f_files, found.f_ffree
    )


def look(path: Path) -> File:
    """A file or directory by its metadata; what it holds is not read."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return File(str(path), "missing", "there is none")
    except OSError as error:
        return File(str(path), "unreadable", error.strerror or "")
    mode, uid = stat.S_IMODE(status.st_mode), status.st_uid
    if stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode):
        return File(str(path), "read", "", mode, uid)
    return File(str(path), "broken", "not a file", mode, uid)


def enough(found: Space) -> bool:
    """Whether there is room and inodes to spare."""
    inodes = not found.inodes or found.inodes_free >= found.inodes * limits.DISK_FREE_SHARE
    return found.octets_free >= limits.DISK_FREE_OCTETS and inodes
