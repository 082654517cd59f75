"""The control group of a unit, as the kernel shows it: who is in it, and how much memory it took at most.

Only reads. Whatever cannot be read is not known: hosts differ in the versions and places of their hierarchies.
"""

import os
from contextlib import AbstractContextManager
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
_PROCESSES = (".", "unified", "systemd")  # below ROOT: version 2, both versions, version 1
_PEAKS = ((".", "memory.peak"), ("memory", "memory.max_usage_in_bytes"))


def populated(group: str, root: Path = ROOT) -> bool:
    """Whether processes are left in it, where that can be seen; else there may be. No group has none."""
    if not group:
        return False
    for hierarchy in _PROCESSES:
        try:
            return bool(Path(f"{root}/{hierarchy}{group}/cgroup.procs").read_bytes())
        except OSError:
            continue
    return True


class Memory(AbstractContextManager["Memory"]):
    """Its memory, held open: a group is removed soon after its last process has ended, and then it is too late."""

    def __init__(self, group: str, root: Path = ROOT) -> None:
        self._fd = _open(group, root)

    def __exit__(self, *_: object) -> None:
        if self._fd is not None:
            os.close(self._fd)

    def peak(self) -> int | None:
        """Octets; None where nobody counts, or no longer."""
        if self._fd is None:
            return None
        try:
            return int(os.pread(self._fd, 32, 0))
        except (OSError, ValueError):
            return None


def _open(group: str, root: Path) -> int | None:
    if not group:
        return None
    for hierarchy, name in _PEAKS:
        try:
            return os.open(f"{root}/{hierarchy}{group}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
    return None
