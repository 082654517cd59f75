"""Copies as files in our own private directories: written and synced, renumbered, verified, given away, removed.

Never opens a path below inbox/ or sent/. What lies here was written by us and can be touched by nobody else.
"""

import errno
import itertools
import os
import stat
import time

from aimx import log
from aimx.effects import files
from aimx.effects.accounts import Identity
from aimx.errors import StorageFailed
from aimx.model.delivery import Copy, Folder, Mark
from aimx.store import document, layout
from aimx.store.intent import Staged
from aimx.store.mailbox import Unwritable

_unique = itertools.count()


def entry_name(folder: Folder, mailbox: str, stem: str) -> str:
    """A name that no other entry has or had, and that still says what it is if state.db is lost."""
    told = f"{folder}:{mailbox}:{stem}".replace("/", "_").replace("\0", "_")
    return f"{os.getpid()}-{time.time_ns()}-{next(_unique)}:{told}"


def told_by(entry: str) -> tuple[Folder, str, str]:
    """Folder, mailbox and stem of an entry. Raises: ValueError for a name that is not one of ours."""
    _, folder, mailbox, stem = entry.split(":", 3)
    if folder not in ("inbox", "sent"):
        raise ValueError(folder)
    return ("inbox" if folder == "inbox" else "sent"), mailbox, stem


class Litter:
    """Entries that could not be removed when they should have been (no descriptors left, say). Thread-safe."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, str]] = []

    def remove(self, home: int, entry: str) -> None:
        """Remove an entry now, or with a later sweep."""
        try:
            files.remove(home, entry)
        except OSError as error:
            log.warning("left-in-staging", entry=entry, why=str(error))
            self._entries.append((home, entry))

    def sweep(self) -> None:
        """Try again; costs nothing when there is nothing."""
        waiting, self._entries = self._entries, []
        for home, entry in waiting:
            self.remove(home, entry)


def write(home: int, copy: Copy, stem: str, litter: Litter) -> Staged:
    """Write and sync one copy as a new entry of `home`. Raises: OSError, StorageFailed; nothing is left then."""
    names = [file.name for file in copy.files]
    if not all(map(layout.is_component, names)):  # a worker that was taken over must not choose paths for root
        raise StorageFailed("attachment name is not a file name", detail=f"{copy.mailbox}: {names!r}")
    entry = entry_name(copy.folder, copy.mailbox, stem)
    head = document.with_id(copy.document, stem)
    try:
        if copy.bundle:
            inode, status = _write_bundle(home, entry, stem, head, copy)
        else:
            status = files.write_new(home, entry, head, 0o644, copy.body)
            inode = status.st_ino
    except BaseException:
        litter.remove(home, entry)
        raise
    sizes = ((f"{stem}.md", len(head) + len(copy.body)), *((file.name, len(file.octets)) for file in copy.files))
    return Staged(
        entry, inode, copy.mailbox, copy.folder, copy.owner, stem, copy.bundle, sizes, copy.jobs, copy.skips,
        copy.summary, mark(status), copy.thread,
    )  # fmt: skip


def _write_bundle(home: int, entry: str, stem: str, head: bytes, copy: Copy) -> tuple[int, os.stat_result]:
    os.mkdir(entry, 0o700, dir_fd=home)
    directory = files.open_directory(entry, home)
    try:
        os.fchmod(directory, 0o700)
        status = files.write_new(directory, f"{stem}.md", head, 0o644, copy.body)
        for file in copy.files:
            files.write_new(directory, file.name, file.octets, 0o644)
        os.fsync(directory)
        return os.fstat(directory).st_ino, status
    finally:
        os.close(directory)


def give(home: int, staged: Staged, owner: Identity) -> None:
    """A bundle belongs to its mailbox's owner before it is published. Raises: Unwritable when a quota forbids it."""
    if not staged.bundle:
        return
    directory = files.open_directory(staged.entry, home)
    try:
        os.fchown(directory, owner.uid, owner.gid)
        os.fsync(directory)
    except OSError as error:
        if error.errno == errno.EDQUOT:
            raise Unwritable(f"{staged.folder}/{staged.mailbox}: {os.strerror(errno.EDQUOT)}") from error
        raise
    finally:
        os.close(directory)


def renumber(home: int, staged: Staged, stem: str, scratch: int, litter: Litter) -> Staged:
    """The same copy under another stem, its id rewritten, synced; the caller then calls `tidy` with what was before.

    In staging both versions exist until then, so that a crash finds whichever the database names. In the spool, where
    an entry that no row knows would be taken for lost mail, a file made in `scratch` replaces the one before.
    """
    with_files = dict(staged.sizes[1:])
    before = staged.sizes[0]
    if not staged.bundle:
        octets = document.with_id(files.read(home, staged.entry), stem)
        entry = entry_name(staged.folder, staged.mailbox, stem)
        try:
            status = files.write_new(scratch, entry, octets, 0o644)
            if home != scratch:
                os.rename(entry, staged.entry, src_dir_fd=scratch, dst_dir_fd=home)
                entry = staged.entry
        except BaseException:
            litter.remove(scratch, entry)
            raise
        inode = status.st_ino
    else:
        entry, inode = staged.entry, staged.inode
        directory = files.open_directory(entry, home)
        try:
            octets = document.with_id(files.read(directory, before[0]), stem)
            status = files.write_new(directory, f"{stem}.md", octets, 0o644)
            os.fsync(directory)
        finally:
            os.close(directory)
    os.fsync(home)
    return Staged(
        entry, inode, staged.mailbox, staged.folder, staged.owner, stem, staged.bundle,
        ((f"{stem}.md", len(octets)), *with_files.items()), staged.jobs, staged.skips, staged.summary, mark(status),
        staged.thread,
    )  # fmt: skip


def tidy(home: int, staged: Staged, before: Staged, litter: Litter) -> None:
    """Remove what a renumbered copy no longer needs."""
    if before.entry != staged.entry:
        litter.remove(home, before.entry)
    elif staged.bundle:
        complete(home, staged)


def complete(home: int, staged: Staged) -> bool:
    """Whether every file of the copy is there with its size; further files in a bundle are removed."""
    try:
        status = os.stat(staged.entry, dir_fd=home, follow_symlinks=False)
        if not staged.bundle:
            return stat.S_ISREG(status.st_mode) and status.st_size == staged.sizes[0][1]
        directory = files.open_directory(staged.entry, home)
    except (FileNotFoundError, NotADirectoryError):
        return False
    try:
        wanted = dict(staged.sizes)
        found = {name: os.stat(name, dir_fd=directory).st_size for name in os.listdir(directory)}
        for name in found.keys() - wanted.keys():
            files.remove(directory, name)
        os.fsync(directory)
        return wanted == {name: size for name, size in found.items() if name in wanted}
    finally:
        os.close(directory)


def mark(status: os.stat_result) -> Mark:
    """What a file looks like."""
    return Mark(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
