"""Mailbox directories: with browse.py, publish.py and replace.py the only code that opens a path below them (S2).

The owner of such a directory is an adversary. Everything goes through descriptors that do not follow links.
"""

import contextlib
import errno
import os
import shlex
import stat
import threading
from pathlib import PurePath

from aimx import limits
from aimx.effects import files, linux
from aimx.effects.accounts import Accounts, Identity
from aimx.model.delivery import Folder
from aimx.model.query import FileOf
from aimx.store import layout
from aimx.store.browse import Directory

# What an owner can do to a directory of his own; anything else is our failure (R3).
OWNER_MADE = frozenset(
    {errno.EACCES, errno.EPERM, errno.EDQUOT, errno.ELOOP, errno.ENOTDIR, errno.EEXIST, errno.EXDEV, errno.EISDIR,
     errno.ENOTEMPTY, errno.EMLINK, errno.ENAMETOOLONG, errno.EBUSY}
)  # fmt: skip
# What says nothing about a file that is looked for.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EIO})


class Unwritable(Exception):
    """The owner's directory cannot take mail now; the reason is for doctor and the log."""


class Unreadable(Exception):
    """This name is not a message that may be read."""


class Folders:
    """Descriptors of `inbox/` and `sent/`, which are ours, and the checks on what lies in them."""

    def __init__(self, data_dir: PurePath, inbox: int, sent: int, accounts: Accounts) -> None:
        self.path = data_dir
        self._roots: dict[Folder, int] = {"inbox": inbox, "sent": sent}
        self._devices: dict[Folder, int] = {"inbox": os.fstat(inbox).st_dev, "sent": os.fstat(sent).st_dev}
        self._making = threading.Lock()
        self.accounts = accounts

    def open_for_writing(self, folder: Folder, mailbox: str, owner: str) -> tuple[int, Identity]:
        """A descriptor of the mailbox directory and the configured owner to whom it belongs; made when missing.

        Raises: Unwritable for everything an owner can cause; OSError for our own failures.
        """
        if not layout.is_component(mailbox):
            raise Unwritable(f"mailbox name {mailbox!r} is not a file name")
        account = self.accounts.identity(owner)
        if account is None:
            raise Unwritable(f"owner-not-found: {owner}")
        try:
            fd = self._open_or_make(folder, mailbox, account)
        except OSError as error:
            if error.errno == errno.EXDEV:
                raise Unwritable(f"{folder}/{mailbox} is on another file system") from error
            if error.errno in OWNER_MADE:
                raise Unwritable(f"{folder}/{mailbox}: {os.strerror(error.errno)}") from error
            raise
        try:
            self._check(fd, folder, mailbox, account)
        except BaseException:
            os.close(fd)
            raise
        return fd, account

    def prepare(self, folder: Folder, mailbox: str, owner: str) -> str:
        """Make a mailbox directory that is missing. Returns: why it cannot take mail, or nothing."""
        try:
            os.close(self.open_for_writing(folder, mailbox, owner)[0])
        except Unwritable as reason:
            return str(reason)
        except OSError as error:
            return f"{folder}/{mailbox}: {error.strerror}"
        return ""

    def root(self, folder: Folder) -> int:
        """The descriptor of `inbox/` or `sent/` itself."""
        return self._roots[folder]

    def make(self, folder: Folder, mailbox: str, account: Identity) -> None:
        """A mailbox directory of this owner; one that is there already is left alone. Raises: OSError."""
        with self._making, contextlib.suppress(FileExistsError):
            files.make_directory(mailbox, 0o700, self._roots[folder], account if self.accounts.as_root else None)

    def _open_or_make(self, folder: Folder, mailbox: str, account: Identity) -> int:
        root = self._roots[folder]
        try:
            return linux.open_beneath(root, mailbox, files.DIRECTORY)
        except FileNotFoundError:
            self.make(folder, mailbox, account)
        return linux.open_beneath(root, mailbox, files.DIRECTORY)

    def _check(self, fd: int, folder: Folder, mailbox: str, account: Identity) -> None:
        status = os.fstat(fd)
        if status.st_uid != account.uid:
            path = shlex.quote(str(self.path / folder / mailbox))
            who = shlex.quote(account.name)
            raise Unwritable(
                f"{folder}/{mailbox} belongs to uid {status.st_uid}, not to {account.name};"
                f" run: chown --no-dereference {who}: {path}"
            )
        if status.st_dev != self._devices[folder]:
            raise Unwritable(f"{folder}/{mailbox} is on another file system")
        if stat.S_IMODE(status.st_mode) != 0o700:
            os.fchmod(fd, 0o700)  # guide: the daemon enforces the mode on every write

    def browse(self, folder: Folder, mailbox: str, owner: str) -> Directory | None:
        """The mailbox directory, to look at; None when there is none that belongs to its configured owner.

        Raises: OSError for our own failures.
        """
        account = self.accounts.identity(owner)
        if account is None or not layout.is_component(mailbox):
            return None
        try:
            fd = linux.open_beneath(self._roots[folder], mailbox, files.DIRECTORY)
        except OSError as error:
            if error.errno == errno.ENOENT or error.errno in OWNER_MADE:
                return None
            raise
        try:
            self._check(fd, folder, mailbox, account)
        except Unwritable:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        return Directory(fd, account.uid)

    def open_message(self, folder: Folder, mailbox: str, owner: str, name: str) -> int:
        """A descriptor of a message file, flat or inside its bundle; regular, one link, root's or the owner's.

        Raises: Unreadable.
        """
        try:
            return self.find_message(folder, mailbox, owner, name)[0]
        except OSError as error:
            raise Unreadable(name) from error

    def find_message(self, folder: Folder, mailbox: str, owner: str, name: str) -> tuple[int, bool]:
        """The same, and whether it lies in a bundle. Raises: Unreadable; OSError for our own failures."""
        account = self.accounts.identity(owner)
        if account is None or not layout.is_component(name) or not layout.is_component(mailbox):
            raise Unreadable(name)
        opened: list[int] = []
        try:
            opened.append(linux.open_beneath(self._roots[folder], mailbox, files.DIRECTORY))
            self._check(opened[0], folder, mailbox, account)
            return self._open_file(opened, name, account)
        except Unwritable as error:
            raise Unreadable(name) from error
        except OSError as error:
            if error.errno in _OURS:
                raise
            raise Unreadable(name) from error
        finally:
            for fd in opened:
                os.close(fd)

    def open_attachment(self, file: FileOf, mailbox: str, owner: str) -> int:
        """A descriptor of a file in the bundle of a message; regular, one link, root's or the owner's.

        Raises: Unreadable; OSError for our own failures.
        """
        account = self.accounts.identity(owner)
        names = (file.name, file.id, mailbox)
        if account is None or not all(map(layout.is_component, names)) or file.name == f"{file.id}.md":
            raise Unreadable(file.name)
        opened: list[int] = []
        try:
            opened.append(linux.open_beneath(self._roots[file.folder], mailbox, files.DIRECTORY))
            self._check(opened[0], file.folder, mailbox, account)
            opened.append(linux.open_beneath(opened[0], file.id, files.DIRECTORY))
            fd = linux.open_beneath(opened[1], file.name, files.READ)
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid in (0, account.uid):
                os.set_blocking(fd, True)
                return fd
            os.close(fd)
        except Unwritable as error:
            raise Unreadable(file.name) from error
        except OSError as error:
            if error.errno in _OURS:
                raise
            raise Unreadable(file.name) from error
        finally:
            for one in opened:
                os.close(one)
        raise Unreadable(file.name)

    def _open_file(self, opened: list[int], name: str, account: Identity) -> tuple[int, bool]:
        for _ in range(limits.REPLACED_ATTEMPTS):
            try:
                fd = linux.open_beneath(opened[-1], f"{name}.md", files.READ)
            except FileNotFoundError:
                opened.append(linux.open_beneath(opened[0], name, files.DIRECTORY))
                fd = linux.open_beneath(opened[-1], f"{name}.md", files.READ)
            status = os.fstat(fd)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_uid in (0, account.uid):
                os.set_blocking(fd, True)
                return fd, len(opened) > 1
            os.close(fd)
            if status.st_nlink:
                break  # otherwise another version took its place since
        raise Unreadable(name)
