"""Files through directory descriptors: exclusive creation, full writes, sync. Knows no mail and decides nothing."""

import contextlib
import itertools
import os
import stat
import threading
from collections.abc import Iterator
from typing import NamedTuple

from aimx import limits
from aimx.effects import linux
from aimx.effects.accounts import Identity

DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC

rename_noreplace = linux.rename_noreplace
rename_exchange = linux.rename_exchange


def open_directory(name: str, parent: int | None = None) -> int:
    """A descriptor of a directory; the last component may not be a symlink."""
    return os.open(name, DIRECTORY, dir_fd=parent)


def ensure_directory(name: str, mode: int, parent: int) -> int:
    """Open a directory of ours, making it first when it is missing; synced into its parent."""
    try:
        return open_directory(name, parent)
    except FileNotFoundError:
        try:
            make_directory(name, mode, parent, None)
        except (FileExistsError, FileNotFoundError):  # another process makes it too, and was first
            with contextlib.suppress(OSError):
                os.rmdir(making(name), dir_fd=parent)
    return open_directory(name, parent)


def making(name: str) -> str:
    """What a directory is called while it is made."""
    return f".making {name}"


def make_directory(name: str, mode: int, parent: int, owner: Identity | None) -> None:
    """Make a directory in one of ours that is complete, owner included, when its name appears; synced.

    Not for several threads at once. Raises: FileExistsError; OSError.
    """
    unfinished = making(name)
    with contextlib.suppress(FileExistsError):  # left by a crash
        os.mkdir(unfinished, 0o700, dir_fd=parent)
    fd = open_directory(unfinished, parent)
    try:
        if owner is not None:
            os.fchown(fd, owner.uid, owner.gid)
        os.fchmod(fd, mode)
        os.fsync(fd)
    finally:
        os.close(fd)
    rename_noreplace(parent, unfinished, parent, name)
    os.fsync(parent)


class Rest(NamedTuple):
    """So many octets of an open file from an offset on, to be copied as they are."""

    fd: int
    offset: int
    octets: int

    def pieces(self) -> Iterator[bytes]:
        """All of it, or less when the file has less by now."""
        at, end = self.offset, self.offset + self.octets
        while at < end and (piece := os.pread(self.fd, min(limits.COPY_OCTETS, end - at), at)):
            yield piece
            at += len(piece)


def write_new(directory: int, name: str, octets: bytes, mode: int, more: bytes | Rest = b"") -> os.stat_result:
    """Create, fill (with the octets, then with more of them) and sync a file that must not exist yet.

    Raises: OSError; the caller removes what is left.
    """
    fd = os.open(name, CREATE, 0o600, dir_fd=directory)
    try:
        for piece in itertools.chain((octets,), more.pieces() if isinstance(more, Rest) else (more,)):
            view = memoryview(piece)
            while view:
                view = view[os.write(fd, view) :]
        os.fchmod(fd, mode)
        os.fsync(fd)
        return os.fstat(fd)
    finally:
        os.close(fd)


def replace(directory: int, name: str, octets: bytes, mode: int) -> None:
    """Put a file in the place of whatever has its name, durable when this returns.

    One writer at a time. Raises: OSError, with what was there in place.
    """
    part = f".{name}.part"
    remove(directory, part)  # of a crash
    try:
        write_new(directory, part, octets, mode)
        os.rename(part, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        with contextlib.suppress(OSError):
            remove(directory, part)
        raise
    os.fsync(directory)


def read(directory: int, name: str, limit: int = -1) -> bytes:
    """A file of ours, or its first `limit` octets."""
    fd = os.open(name, READ, dir_fd=directory)
    with open(fd, "rb") as file:
        return file.read(limit)


def exists(directory: int, name: str) -> bool:
    """Whether anything at all has this name (links are not followed)."""
    try:
        os.stat(name, dir_fd=directory, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def inode(directory: int, name: str) -> int | None:
    """The inode number behind a name, links not followed; None when there is none."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False).st_ino
    except OSError:
        return None


def remove(directory: int, name: str) -> None:
    """Remove whatever has this name in a directory of ours; nothing there is fine.

    Directories are emptied level by level: what lies deeper is first moved up beside `name`, so that no depth that
    somebody built exhausts descriptors or the stack. Raises: OSError when something cannot go.
    """
    waiting = [name]
    moved = 0
    while waiting:
        entry = waiting.pop()
        if not _is_directory(directory, entry):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry, dir_fd=directory)
            continue
        fd = open_directory(entry, directory)
        try:
            for child in os.listdir(fd):
                if _is_directory(fd, child):
                    moved += 1
                    rename_noreplace(fd, child, directory, f"{name}.{moved}")
                    waiting.append(f"{name}.{moved}")
                else:
                    os.unlink(child, dir_fd=fd)
        finally:
            os.close(fd)
        os.rmdir(entry, dir_fd=directory)


def _is_directory(directory: int, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


class DirectorySync:
    """fsync of directories, shared by everybody who waits for the same one.

    A caller returns only after a sync that began after its call, so one fsync serves all renames before it.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rounds: dict[tuple[int, int], _Rounds] = {}

    def sync(self, fd: int) -> None:
        """Make every entry of the directory durable. Raises: OSError."""
        status = os.fstat(fd)
        key = (status.st_dev, status.st_ino)
        with self._condition:
            rounds = self._rounds.setdefault(key, _Rounds())
            rounds.waiting += 1
            needed = rounds.started + 1
            while rounds.finished < needed and rounds.running:
                self._condition.wait()
            if rounds.finished >= needed:
                self._leave(key, rounds)
                if needed in rounds.failed:
                    raise OSError(rounds.failed[needed], os.strerror(rounds.failed[needed]))
                return
            rounds.running = True
            rounds.started += 1
            mine = rounds.started
        self._lead(key, rounds, mine, fd)

    def _lead(self, key: tuple[int, int], rounds: "_Rounds", mine: int, fd: int) -> None:
        failure: OSError | None = None
        try:
            os.fsync(fd)
        except OSError as error:
            failure = error
        with self._condition:
            rounds.running = False
            rounds.finished = mine
            if failure is not None:
                rounds.failed[mine] = failure.errno or 0
            self._leave(key, rounds)
            self._condition.notify_all()
        if failure is not None:
            raise failure

    def _leave(self, key: tuple[int, int], rounds: "_Rounds") -> None:
        rounds.waiting -= 1
        if rounds.waiting == 0:
            del self._rounds[key]


class _Rounds:
    """Numbered syncs of one directory, for as long as anybody waits on it."""

    def __init__(self) -> None:
        self.started = 0
        self.finished = 0
        self.running = False
        self.waiting = 0
        self.failed: dict[int, int] = {}
