"""The writer lock: exactly one process writes below data_dir and config (S4)."""

import fcntl
import os
from pathlib import PurePath

from aimx.errors import DaemonRunning


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
