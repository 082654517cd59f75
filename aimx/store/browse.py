"""A mailbox directory as its owner left it, looked at through descriptors and never followed out of it (S2).

With mailbox.py, publish.py and replace.py the only code that opens a path below inbox/ and sent/. Whatever lies there
(FIFOs, links, mounts, names that are no text), looking never waits, never raises for it and never reads another file.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from aimx import limits
from aimx.effects import files, linux
from aimx.model.delivery import Folder, Mark
from aimx.store import layout

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_SUFFIX = ".md"
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})  # our trouble, not a property of the file


class Place(NamedTuple):
    """A folder of a mailbox."""

    folder: Folder
    mailbox: str


class Stamp(NamedTuple):
    """When a directory last changed, which one it is, and whose."""

    dev: int
    ino: int
    mtime_ns: int
    uid: int

    def same_place(self, other: "Stamp") -> bool:
        """Whether it is the same directory of the same owner, changed or not."""
        return (self.dev, self.ino, self.uid) == (other.dev, other.ino, other.uid)


class Name(NamedTuple):
    """What a directory lists under the name of a message. `ino` is that of the file, or of the bundle directory."""

    bundle: bool
    ino: int


class Message(NamedTuple):
    """The beginning of a message file, as long as it was asked for, and what the file looked like."""

    octets: bytes
    bundle: bool
    mark: Mark


class Directory(AbstractContextManager["Directory"]):
    """One mailbox directory, held open."""

    def __init__(self, fd: int, owner_uid: int) -> None:
        self._fd = fd
        self._owners = (0, owner_uid)
        self.owner_uid = owner_uid

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        os.close(self._fd)

    def stamp(self) -> Stamp:
        """What would differ if anything had been added, removed or renamed since."""
        status = os.fstat(self._fd)
        return Stamp(status.st_dev, status.st_ino, _signed(status.st_mtime_ns), status.st_uid)

    def names(self) -> Iterator[tuple[str, Name]]:
        """Ids that the directory lists, in no order, as many as MAILBOX_ENTRIES; an id may come twice."""
        with os.scandir(self._fd) as entries:
            for number, entry in enumerate(entries):
                if number >= limits.MAILBOX_ENTRIES:
                    return
                name = entry.name
                if name.endswith(_SUFFIX):
                    stem, bundle = name[: -len(_SUFFIX)], False
                elif entry.is_dir(follow_symlinks=False):
                    stem, bundle = name, True
                else:
                    continue
                if is_id(stem):
                    yield stem, Name(bundle, entry.inode())

    def listed(self, stem: str) -> Name | None:
        """What `names` has for one id; of a file and a bundle the file, which is tried first."""
        for name, bundle in ((stem + _SUFFIX, False), (stem, True)):
            with contextlib.suppress(OSError):
                status = os.stat(name, dir_fd=self._fd, follow_symlinks=False)
                if not bundle or stat.S_ISDIR(status.st_mode):
                    return Name(bundle, status.st_ino)
        return None

    def mark(self, stem: str, bundle: bool) -> Mark | None:
        """What the message file looks like now; None when there is none that may be read. Raises: OSError for ours."""
        return self._in_place(stem, bundle, self._look)

    def message(self, stem: str, bundle: bool, most: int) -> Message | None:
        """The first octets of the message file; None when there is none that may be read. Raises: OSError for ours."""

        def read(home: int, name: str) -> Message | None:
            fd, status = _opened(home, name, files.READ)
            try:
                if not self._sound(status):
                    return None
                return Message(_read(fd, min(most, status.st_size)), bundle, _mark(status))
            finally:
                os.close(fd)

        return self._in_place(stem, bundle, read)

    def find(self, stem: str, most: int) -> Message | None:
        """`message`, flat or bundle: whichever there is."""
        return self.message(stem, False, most) or self.message(stem, True, most) if is_id(stem) else None

    def _in_place(self, stem: str, bundle: bool, work):  # type: ignore[no-untyped-def]
        try:
            if not bundle:
                return work(self._fd, stem + _SUFFIX)
            home = linux.open_beneath(self._fd, stem, files.DIRECTORY)
            try:
                if os.fstat(home).st_dev != os.fstat(self._fd).st_dev:
                    return None
                return work(home, stem + _SUFFIX)
            finally:
                os.close(home)
        except OSError as error:
            if error.errno in _OURS:
                raise
            return None

    def _look(self, home: int, name: str) -> Mark | None:
        fd, status = _opened(home, name, _LOOK)
        os.close(fd)
        return _mark(status) if self._sound(status) else None

    def _sound(self, status: os.stat_result) -> bool:
        return stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid in self._owners


def is_id(stem: str) -> bool:
    """Whether a name can be an id: text that prints, in one line, and no hidden file (editors leave those)."""
    return stem.isprintable() and not stem.startswith(".") and layout.is_component(stem) and layout.is_email_id(stem)


def _opened(home: int, name: str, flags: int) -> tuple[int, os.stat_result]:
    """What has this name; not what had it until another version took its place in this very moment."""
    for _ in range(limits.REPLACED_ATTEMPTS):
        fd = linux.open_beneath(home, name, flags)
        status = os.fstat(fd)
        if status.st_nlink:
            break
        os.close(fd)
    else:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
    return fd, status


def _read(fd: int, most: int) -> bytes:
    octets = os.read(fd, most)
    while len(octets) < most:  # a signal, or somebody cuts it shorter now
        piece = os.read(fd, most - len(octets))
        if not piece:
            break
        octets += piece
    return octets


def _mark(status: os.stat_result) -> Mark:
    return Mark(status.st_dev, status.st_ino, status.st_size, _signed(status.st_mtime_ns))


def _signed(time_ns: int) -> int:
    """A time as 64 bits hold it: an owner may have set it to the year 2400, and only its changes matter."""
    return (time_ns + 2**63) % 2**64 - 2**63
