"""Erase what was wiped, in the background: whatever its owner has built there, and while he still holds it open.

By descriptor and name only, never across a mount, never through a link (S2). Each directory is first made ours, so that
nobody adds to it; what lies below is moved up before it is entered, so that no depth costs a stack or descriptors.
What cannot go (a mount point, an immutable file) stays where it is, is named in the log, and keeps nothing else.
"""

import contextlib
import errno
import itertools
import os
import threading
import time

from aimx import limits, log
from aimx.effects import files, linux
from aimx.store.tree import Tree
from aimx.store.wipe import GONE

_NO_DIRECTORY = (errno.ENOTDIR, errno.ELOOP)


class Eraser:
    """Erases what lies in `.aimx/wiped`. One thread at a time; `stop` ends it soon, the next one goes on."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._numbers = itertools.count()
        self.stop = threading.Event()

    def sweep(self) -> None:
        """Erase everything that nobody wants back. Trouble is logged."""
        for token in os.listdir(self._tree.wiped):
            if not token.startswith(GONE) or self.stop.is_set():
                continue
            problem = ""
            try:
                home = files.open_directory(token, self._tree.wiped)
                try:
                    problem = self._empty(home)
                finally:
                    os.close(home)
                if not self.stop.is_set():
                    os.rmdir(token, dir_fd=self._tree.wiped)
            except OSError as error:
                path = f"{self._tree.path}/.aimx/wiped/{token}"
                log.warning("not-erased", path=path, why=problem or str(error), note="tried again")

    def _empty(self, home: int) -> str:
        """Erase all that lies in a directory of ours. Returns: the first thing that could not go, and why."""
        waiting = os.listdir(home)
        problem = ""
        while waiting and not self.stop.is_set():
            name = waiting.pop()
            try:
                fd = linux.open_beneath(home, name, files.DIRECTORY)
            except OSError as error:
                if error.errno in _NO_DIRECTORY:
                    problem = problem or _try(lambda entry=name: os.unlink(entry, dir_fd=home), name)
                elif error.errno == errno.EACCES and not self._tree.accounts.as_root:
                    os.chmod(name, 0o700, dir_fd=home)
                    waiting.append(name)
                elif error.errno != errno.ENOENT:
                    problem = problem or f"{name}: {error.strerror}"
                continue
            try:
                moved, removed, kept = self._strip(fd, home)
            finally:
                os.close(fd)
            problem = problem or kept
            if self._is_full(home, name, again=bool(moved or removed)):
                waiting.append(name)
            waiting += moved
        return problem

    def _is_full(self, home: int, name: str, again: bool) -> bool:
        """Remove an emptied directory; whether there is more in it and another round may help."""
        with contextlib.suppress(FileNotFoundError):
            try:
                os.rmdir(name, dir_fd=home)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:
                    raise
                return again
        return False

    def _strip(self, fd: int, home: int) -> tuple[list[str], int, str]:
        """Unlink the files of a directory and move its directories up.

        Returns: new names of the directories, at most so many; how many files went; what could not go.
        """
        if self._tree.accounts.as_root:
            os.fchown(fd, 0, 0)
        os.fchmod(fd, 0o700)
        moved: list[str] = []
        removed, problem = 0, ""
        with os.scandir(fd) as entries:
            for entry in entries:
                if self.stop.is_set() or len(moved) == limits.ERASE_BREADTH:
                    break
                if entry.is_dir(follow_symlinks=False):
                    up = f"{time.time_ns()}-{next(self._numbers)}"
                    kept = _try(lambda old=entry.name, new=up: linux.rename_noreplace(fd, old, home, new), entry.name)
                    moved += [] if kept else [up]
                else:
                    kept = _try(lambda old=entry.name: os.unlink(old, dir_fd=fd), entry.name)
                    removed += not kept
                problem = problem or kept
        return moved, removed, problem


def _try(act, name: str) -> str:  # type: ignore[no-untyped-def]
    """Why it did not work; empty when it did."""
    try:
        act()
    except FileNotFoundError:
        return ""
    except OSError as error:
        return f"{name}: {error.strerror}"
    return ""
