"""The data directory: our private places, the roots of mailboxes, and who may write to them.

Opens everything once, by descriptor. Refuses to start where somebody else could rename a directory under us (S2).
"""

import os
import shlex
import stat
from pathlib import PurePath

from aimx.effects import files
from aimx.effects.accounts import Accounts
from aimx.errors import Failed
from aimx.store.mailbox import Folders
from aimx.store.stamps import Stamps


class Tree:
    """Descriptors of `.aimx/`, `.aimx/staging`, `.aimx/spool`, `.aimx/wiped`, and the folders of mailboxes."""

    def __init__(self, data_dir: PurePath, accounts: Accounts) -> None:
        """Raises: Failed naming the path and the command that repairs it."""
        self.path = data_dir
        self.accounts = accounts
        self.sync = files.DirectorySync()
        self.stamps = Stamps()
        self._open: list[int] = []
        try:
            os.makedirs(data_dir, 0o755, exist_ok=True)
            self.root = root = self._keep(os.open(data_dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
            self._verify_link(data_dir)
            self._verify(root, data_dir)
            self.private = self._private(".aimx", root)
            self.staging = self._private("staging", self.private)
            self.spool = self._private("spool", self.private)
            self.wiped = self._private("wiped", self.private)
            roots = [self._root(folder, root) for folder in ("inbox", "sent")]
        except OSError as error:
            raise Failed(f"data directory {data_dir} cannot be used: {error.strerror}", detail=str(error)) from error
        self.folders = Folders(data_dir, roots[0], roots[1], accounts)

    def close(self) -> None:
        """Close the descriptors."""
        for fd in self._open:
            os.close(fd)
        self._open.clear()

    def _keep(self, fd: int) -> int:
        self._open.append(fd)
        return fd

    def _private(self, name: str, parent: int) -> int:
        fd = self._keep(files.ensure_directory(name, 0o700, parent))
        self._verify(fd, self.path / ".aimx")
        if stat.S_IMODE(os.fstat(fd).st_mode) != 0o700:
            os.fchmod(fd, 0o700)
        return fd

    def _root(self, name: str, parent: int) -> int:
        fd = self._keep(files.ensure_directory(name, 0o755, parent))
        self._verify(fd, self.path / name)
        if stat.S_IMODE(os.fstat(fd).st_mode) & 0o055 != 0o055:
            os.fchmod(fd, 0o755)  # owners must be able to pass through to their mailboxes
        return fd

    def _verify_link(self, path: PurePath) -> None:
        """An operator may keep the mail on another disk behind a link; nobody else may choose where that is."""
        status = os.lstat(path)
        if self.accounts.as_root and stat.S_ISLNK(status.st_mode) and status.st_uid != 0:
            raise Failed(
                f"{path} is a symbolic link of uid {status.st_uid}; run: chown --no-dereference root:root"
                f" {shlex.quote(str(path))}"
            )

    def _verify(self, fd: int, path: PurePath) -> None:
        """Whoever may write to a directory above a mailbox could replace the mailbox."""
        if not self.accounts.as_root:
            return
        status = os.fstat(fd)
        where = shlex.quote(str(path))
        if status.st_uid != 0:
            raise Failed(f"{path} belongs to uid {status.st_uid}, not to root; run: chown root:root {where}")
        if status.st_mode & 0o022:
            raise Failed(f"{path} can be written by others than root; run: chmod go-w {where}")
