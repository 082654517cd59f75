"""Mailbox directories as such: made for a new mailbox, taken back, counted, found. Never opens a message.

Only names directly below inbox/ and sent/, which are ours; what lies deeper is counted, not looked at (S2).
"""

import contextlib
import errno
import os
import pwd
import shlex
from pathlib import PurePath

from aimx.effects import files, linux
from aimx.effects.accounts import Identity
from aimx.errors import DirectoryConflict
from aimx.model.delivery import Folder
from aimx.model.place import Contents, Stray
from aimx.store import ledger
from aimx.store.commit import Committer
from aimx.store.mailbox import Folders

FOLDERS: tuple[Folder, ...] = ("inbox", "sent")
_LOOK = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class MailboxDirectories:
    """What administration asks of the disk. Thread-safe; its callers see to it that one name has one changer."""

    def __init__(self, committer: Committer) -> None:
        self._folders = committer.folders
        self._state = committer.state

    def make(self, mailbox: str, owner: Identity) -> tuple[Folder, ...]:
        """Both directories, 0700 and the owner's; those that were made.

        Raises: DirectoryConflict, OSError, StorageFailed; with nothing made.
        """
        if self._state.run(lambda db: ledger.spool_owners(db, mailbox)) - {owner.name}:
            raise DirectoryConflict(f"mail for an earlier mailbox '{mailbox}' of somebody else waits in the spool")
        made: list[Folder] = []
        try:
            for folder in FOLDERS:
                if not self._there(folder, mailbox, owner):
                    made.append(folder)  # a failure may come when it stands already
                    self._folders.make(folder, mailbox, owner)
        except BaseException:
            self.unmake(mailbox, tuple(made))
            raise
        return tuple(made)

    def unmake(self, mailbox: str, made: tuple[Folder, ...]) -> None:
        """Remove what was made, unless somebody has put something there."""
        for folder in made:
            for name in (mailbox, files.making(mailbox)):
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=self._folders.root(folder))

    def contents(self, mailbox: str) -> Contents:
        """Raises: DirectoryConflict, OSError, StorageFailed."""
        waiting = self._state.run(lambda db: ledger.spool_counts(db, mailbox))
        inbox, sent = (self._entries(folder, mailbox) + waiting.get(folder, 0) for folder in FOLDERS)
        return Contents(inbox, sent, sum(waiting.values()))

    def strays(self, configured: frozenset[str]) -> tuple[Stray, ...]:
        """Directories below inbox/ that no mailbox is configured for, by name. Raises: OSError."""
        root = self._folders.root("inbox")
        found = []
        for name in sorted(os.listdir(root)):
            if name in configured or name.startswith("."):
                continue
            try:
                fd = linux.open_beneath(root, name, _LOOK)
            except OSError:
                continue  # a file, a link, somebody's own file system
            try:
                uid = os.fstat(fd).st_uid
            finally:
                os.close(fd)
            found.append(Stray(name, uid, _name(uid)))
        return tuple(found)

    def _entries(self, folder: Folder, mailbox: str) -> int:
        fd = open_whole(self._folders, folder, mailbox)
        if fd is None:
            return 0
        try:
            with os.scandir(fd) as entries:
                return sum(1 for _ in entries)
        finally:
            os.close(fd)

    def _there(self, folder: Folder, mailbox: str, owner: Identity) -> bool:
        """Whether the directory is there and can be the new mailbox's. Raises: DirectoryConflict."""
        fd = open_whole(self._folders, folder, mailbox)
        if fd is None:
            return False
        try:
            status = os.fstat(fd)
        finally:
            os.close(fd)
        if self._folders.accounts.as_root and status.st_uid != owner.uid:
            path = str(_path(self._folders, folder, mailbox))
            expected = f"{owner.uid}:{owner.gid}"
            repair = f"chown --no-dereference {expected} {shlex.quote(path)}"
            raise DirectoryConflict(
                f"{path} already exists with owner {status.st_uid}:{status.st_gid}, expected {expected};"
                f" run `{repair}` (and the matching sibling) and retry"
            )
        return True


def open_whole(folders: Folders, folder: Folder, mailbox: str) -> int | None:
    """A descriptor of a mailbox directory, whoever owns it; None: there is none.

    Raises: DirectoryConflict for anything but a directory of this file system; OSError.
    """
    try:
        return linux.open_beneath(folders.root(folder), mailbox, files.DIRECTORY)
    except FileNotFoundError:
        return None
    except OSError as error:
        path = _path(folders, folder, mailbox)
        if error.errno in (errno.ENOTDIR, errno.ELOOP):
            raise DirectoryConflict(
                f"{path} exists but is not a directory; remove it before creating the mailbox"
            ) from error
        if error.errno == errno.EXDEV:
            raise DirectoryConflict(f"{path} is another file system; unmount it first") from error
        raise


def _path(folders: Folders, folder: Folder, mailbox: str) -> PurePath:
    return folders.path / folder / mailbox


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None
