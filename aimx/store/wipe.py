"""Wipe a mailbox together with its removal from config.toml: both or neither, whenever the process is killed.

What is to go is exchanged for empty directories of the same owner: in one step per directory, whatever lies in it. It
then waits in `.aimx/wiped/<token>` beside `about`, which says whose it was. config.toml decides: while it has the
mailbox, everything is put back; once it has not, nothing is (`settle`). Only then is anything erased (store/erase.py).
"""

import errno
import os
import sqlite3
import time

import msgspec

from aimx import log
from aimx.effects import files, linux
from aimx.errors import DirectoryConflict, StorageFailed
from aimx.model.delivery import Folder
from aimx.model.event import HookSkipped, MailboxDeleted
from aimx.store import eventlog, jobs, ledger
from aimx.store.browse import Place
from aimx.store.commit import Committer
from aimx.store.directories import FOLDERS, open_whole

GONE = "gone-"  # nobody wants it back
_ABOUT = "about"
REASON = "mailbox-deleted"


class About(msgspec.Struct, frozen=True):
    """Whose it was. `inodes` tells what is to go from what stands in its place. `at`: of the deletion."""

    mailbox: str
    owner_uid: int | None
    at: float
    inodes: dict[Folder, int]


class Wiper:
    """Takes mailboxes out, puts them back, settles. Thread-safe; its callers see to one changer per mailbox."""

    def __init__(self, committer: Committer) -> None:
        self._tree = committer.tree
        self._folders = committer.folders
        self._state = committer.state
        self._index = committer.index
        self._boxes: list[int] = []

    def take(self, mailbox: str, owner_uid: int | None, foreign: bool) -> str:
        """Exchange what the mailbox holds for empty directories; the token of what was taken.

        `foreign`: also directories that are not the owner's. Raises: DirectoryConflict, OSError; with nothing changed.
        """
        inodes = self._look(mailbox, None if foreign else owner_uid)
        token = f"{os.getpid()}-{time.time_ns()}"
        os.mkdir(token, 0o700, dir_fd=self._tree.wiped)
        home = files.open_directory(token, self._tree.wiped)
        try:
            about = About(mailbox, owner_uid, time.time(), inodes)
            files.write_new(home, _ABOUT, msgspec.json.encode(about), 0o600)
            try:
                for folder in inodes:
                    self._exchange(home, folder, mailbox)
                self._sync(home)
            except OSError as error:
                if error.errno in (errno.EBUSY, errno.EPERM, errno.EXDEV):
                    raise DirectoryConflict(
                        f"mailbox '{mailbox}' cannot be wiped: {os.strerror(error.errno)} (a mount point, or immutable)"
                    ) from error
                raise
        except BaseException:
            self.restore(token)
            raise
        finally:
            os.close(home)
        return token

    def _look(self, mailbox: str, uid: int | None) -> dict[Folder, int]:
        """The inodes of the directories that are there. Raises: DirectoryConflict, OSError."""
        found: dict[Folder, int] = {}
        for folder in FOLDERS:
            fd = open_whole(self._folders, folder, mailbox)
            if fd is None:
                continue
            try:
                status = os.fstat(fd)
            finally:
                os.close(fd)
            if self._tree.accounts.as_root and uid is not None and status.st_uid != uid:
                path = f"{self._tree.path}/{folder}/{mailbox}"
                raise DirectoryConflict(f"{path} belongs to uid {status.st_uid}; only root can wipe it")
            if status.st_dev != os.fstat(self._folders.root(folder)).st_dev:
                raise DirectoryConflict(f"{self._tree.path}/{folder}/{mailbox} is another file system")
            found[folder] = status.st_ino
        return found

    def _exchange(self, home: int, folder: Folder, mailbox: str) -> None:
        """The mailbox directory is never missing, and its replacement is complete when it appears."""
        root = self._folders.root(folder)
        was = os.stat(mailbox, dir_fd=root, follow_symlinks=False)
        os.mkdir(folder, 0o700, dir_fd=home)
        fd = files.open_directory(folder, home)
        try:
            if self._tree.accounts.as_root:
                os.fchown(fd, was.st_uid, was.st_gid)
            os.fchmod(fd, 0o700)
            os.fsync(fd)
        finally:
            os.close(fd)
        linux.rename_exchange(home, folder, root, mailbox)

    def _sync(self, home: int) -> None:
        for fd in (home, self._tree.wiped, *(self._folders.root(folder) for folder in FOLDERS)):
            os.fsync(fd)

    def restore(self, token: str) -> None:
        """Put back what was taken. Raises: OSError; it can be called again."""
        home = files.open_directory(token, self._tree.wiped)
        try:
            about = _about(home)
            for folder, inode in (about.inodes if about is not None else {}).items():
                root = self._folders.root(folder)
                if files.inode(home, folder) == inode:
                    linux.rename_exchange(home, folder, root, about.mailbox)  # type: ignore[union-attr]
                    os.fsync(root)
                self._clear(home, folder, (root, about.mailbox))  # type: ignore[union-attr]
            self._sync(home)
            files.remove(home, _ABOUT)
        finally:
            os.close(home)
        try:
            os.rmdir(token, dir_fd=self._tree.wiped)
        except OSError as error:
            log.error("wipe-not-cleared", path=f"{self._tree.path}/.aimx/wiped/{token}", why=str(error))

    def _clear(self, home: int, folder: Folder, place: tuple[int, str]) -> None:
        """Remove the replacement; what its owner has put there meanwhile goes where he thought it would be."""
        try:
            fd = files.open_directory(folder, home)
        except FileNotFoundError:
            return
        try:
            back = files.open_directory(place[1], place[0])
            try:
                for name in os.listdir(fd):
                    linux.rename_noreplace(fd, name, back, name)
            except OSError as error:
                log.error("wipe-not-cleared", mailbox=place[1], why=str(error))
                return
            finally:
                os.close(back)
        finally:
            os.close(fd)
        os.rmdir(folder, dir_fd=home)

    def settle(self, token: str | None, deleted: MailboxDeleted, again: bool = False) -> None:
        """config.toml no longer has the mailbox: its spooled copies, its hook runs and what was taken are given up.

        `again`: a crash may have come after some of it. Raises: StorageFailed, OSError; it can be called again.
        """
        if token is not None and files.exists(self._tree.wiped, token):
            home = files.open_directory(token, self._tree.wiped)
            try:
                about = _about(home)
                if about is not None:
                    deleted = msgspec.structs.replace(deleted, at=about.at)  # so that it is known when it is logged
                self._take_spooled(home, deleted.mailbox)
                os.fsync(home)
                os.fsync(self._tree.spool)
            finally:
                os.close(home)
        self._forget_index(deleted.mailbox)
        self._state.run(lambda db: _forget(db, deleted, again))
        if token is not None and files.exists(self._tree.wiped, token):
            os.rename(token, f"{GONE}{token}", src_dir_fd=self._tree.wiped, dst_dir_fd=self._tree.wiped)
            os.fsync(self._tree.wiped)

    def _forget_index(self, mailbox: str) -> None:
        """Whoever has the name next is told nothing of this mail, not even that it is gone."""
        try:
            self._boxes += self._index.run(lambda writer: writer.forget(mailbox))
        except StorageFailed as error:
            log.error("index-not-told", mailbox=mailbox, why=error.detail or error.reason)
        for folder in FOLDERS:
            self._tree.stamps.drop(Place(folder, mailbox))

    def clear_index(self) -> None:
        """Take the words of what was wiped out of the index, little by little. Raises: StorageFailed."""
        while self._boxes:
            box = self._boxes[-1]
            while self._index.run(lambda writer, box=box: writer.clear(box)):  # type: ignore[misc]
                pass
            self._boxes.pop()

    def _take_spooled(self, home: int, mailbox: str) -> None:
        for number, entry in enumerate(self._state.run(lambda db: ledger.spool_of(db, mailbox))):
            try:
                linux.rename_noreplace(self._tree.spool, entry, home, f"spool-{number}-{time.time_ns()}")
            except FileNotFoundError:
                continue  # taken before a crash

    def recover(self, configured: frozenset[str]) -> None:
        """After a crash: every wipe is finished or undone, as config.toml says. Trouble is logged."""
        for token in os.listdir(self._tree.wiped):
            if token.startswith(GONE):
                continue
            try:
                self._recover(token, configured)
            except (OSError, StorageFailed) as error:
                log.error("wipe-not-recovered", path=f"{self._tree.path}/.aimx/wiped/{token}", why=str(error))

    def _recover(self, token: str, configured: frozenset[str]) -> None:
        home = files.open_directory(token, self._tree.wiped)
        try:
            about = _about(home)
        finally:
            os.close(home)
        if about is None or about.mailbox in configured:
            self.restore(token)
            log.info("wipe-undone", mailbox=about.mailbox if about is not None else None)
            return
        deleted = MailboxDeleted(at=about.at, mailbox=about.mailbox, owner_uid=about.owner_uid)
        self.settle(token, deleted, again=True)
        log.info("wipe-settled", mailbox=about.mailbox)


def _about(home: int) -> About | None:
    """None: the crash came before anything was taken."""
    try:
        return msgspec.json.decode(files.read(home, _ABOUT), type=About)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _forget(db: sqlite3.Connection, deleted: MailboxDeleted, again: bool) -> None:
    ledger.spool_forget(db, deleted.mailbox)
    for hook, email_id in jobs.skip_all(db, deleted.mailbox, deleted.at, REASON):
        eventlog.append(db, _skipped(deleted, hook, email_id))
    if not again or not eventlog.has(db, deleted):
        eventlog.append(db, deleted)


def _skipped(deleted: MailboxDeleted, hook: str, email_id: str) -> HookSkipped:
    return HookSkipped(
        at=deleted.at, mailbox=deleted.mailbox, owner_uid=deleted.owner_uid, hook=hook, id=email_id, reason=REASON
    )
