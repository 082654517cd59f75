"""The writer lock: exactly one process writes below data_dir and config (S4)."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from aimx.errors import DaemonRunning, Failed

_HOLDER_OCTETS = 32


class WriterLock:
    """`flock` on `.aimx/writer.lock`, held for the life of the process that writes."""

    def __init__(self, private_dir: int, data_dir: PurePath) -> None:
        """Take the lock of `data_dir` without waiting. Raises: DaemonRunning when another process holds it."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._fd = os.open("writer.lock", flags, 0o600, dir_fd=private_dir)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._fd)
            raise DaemonRunning(f"another aimx process holds the writer lock of {data_dir}") from error

    def release(self) -> None:
        """Let go; also happens when the process ends."""
        os.close(self._fd)


@contextlib.contextmanager
def sole(path: Path, what: str) -> Iterator[None]:
    """Only one process at a time does `what`, and the file says which; it is in a directory of root's.

    Raises: Failed; OSError.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, _HOLDER_OCTETS, 0).decode("ascii", "replace").strip()
            process = f" (process {holder})" if holder.isdigit() else ""
            raise Failed(f"another {what} is at work on this machine{process}; wait for its end") from error
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(fd)
