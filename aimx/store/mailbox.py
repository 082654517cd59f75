"""Mailbox directories: together with commit.py the only code that opens a path below inbox/ and sent/ (S2).

The owner of such a directory is an adversary. Everything goes through descriptors that do not follow links.
"""

import errno
import os
import stat

from aimx.effects import files
from aimx.effects.accounts import Account, Accounts
from aimx.model.delivery import Folder

# What an owner can do to a directory of his own; anything else is our failure (R3).
OWNER_MADE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EDQUOT, errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EXDEV, errno.EISDIR,
     errno.ENOTEMPTY, errno.EMLINK, errno.ENAMETOOLONG}
)  # fmt: skip


class Unwritable(Exception):
    """The owner's directory cannot take mail now; the reason is for doctor and the log."""


class Unreadable(Exception):
    """This name is not a message that may be read."""


class Folders:
    """Descriptors of `inbox/` and `sent/`, which are ours, and the checks on what lies in them."""

    def __init__(self, data_dir: int, accounts: Accounts) -> None:
        self._roots: dict[Folder, int] = {
            "inbox": files.ensure_directory("inbox", 0o755, data_dir),
            "sent": files.ensure_directory("sent", 0o755, data_dir),
        }
        self.accounts = accounts

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self._roots.values():
            os.close(fd)

    def open_for_writing(self, folder: Folder, mailbox: str, owner: str) -> int:
        """A descriptor of the mailbox directory, which belongs to its configured owner; made when missing.

        Raises: Unwritable for everything an owner can cause; OSError for our own failures.
        """
        account = self.accounts.find(owner)
        if account is None:
            raise Unwritable(f"owner-not-found: {owner}")
        try:
            fd = self._open_or_make(folder, mailbox, account)
        except OSError as error:
            if error.errno in OWNER_MADE:
                raise Unwritable(f"{folder}/{mailbox}: {error.strerror}") from error
            raise
        try:
            self._check(fd, folder, mailbox, account)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _open_or_make(self, folder: Folder, mailbox: str, account: Account) -> int:
        root = self._roots[folder]
        try:
            return files.open_directory(mailbox, root)
        except FileNotFoundError:
            os.mkdir(mailbox, 0o700, dir_fd=root)
        fd = files.open_directory(mailbox, root)
        if self.accounts.as_root:
            os.fchown(fd, account.uid, account.gid)
        os.fsync(root)
        return fd

    def _check(self, fd: int, folder: Folder, mailbox: str, account: Account) -> None:
        status = os.fstat(fd)
        if status.st_uid != account.uid:
            raise Unwritable(f"{folder}/{mailbox} belongs to uid {status.st_uid}, not to {account.name}")
        if status.st_dev != os.fstat(self._roots[folder]).st_dev:
            raise Unwritable(f"{folder}/{mailbox} is on another file system")
        if stat.S_IMODE(status.st_mode) != 0o700:
            os.fchmod(fd, 0o700)

    def open_message(self, folder: Folder, mailbox: str, owner: str, name: str) -> int:
        """A descriptor of a message file, flat or inside its bundle; regular, one link, root's or the owner's.

        Raises: Unreadable.
        """
        account = self.accounts.find(owner)
        if account is None or "/" in name or name in ("", ".", ".."):
            raise Unreadable(name)
        opened: list[int] = []
        try:
            opened.append(files.open_directory(mailbox, self._roots[folder]))
            self._check(opened[0], folder, mailbox, account)
            return self._open_file(opened, name, account)
        except (OSError, Unwritable) as error:
            raise Unreadable(name) from error
        finally:
            for fd in opened:
                os.close(fd)

    def _open_file(self, opened: list[int], name: str, account: Account) -> int:
        try:
            fd = os.open(f"{name}.md", files.READ, dir_fd=opened[0])
        except FileNotFoundError:
            opened.append(files.open_directory(name, opened[0]))
            fd = os.open(f"{name}.md", files.READ, dir_fd=opened[1])
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1 or status.st_uid not in (0, account.uid):
            os.close(fd)
            raise Unreadable(name)
        os.set_blocking(fd, True)
        return fd
