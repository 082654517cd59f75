"""Control groups of one machine: one in each hierarchy of the host, so that nothing of it counts as the host's own."""

import itertools
import os
import time
from pathlib import Path

PREFIX = "aimx-machine-"
MEMORY_OCTETS = 3 << 30  # of the whole machine: a hook that no limit holds must not take the host with it
TASKS = 3000
PATIENCE_S = 20.0
_numbers = itertools.count()


def hierarchies() -> dict[Path, str]:
    """Mounted hierarchies and their kind, `cgroup` or `cgroup2`."""
    found: dict[Path, str] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        kind = right.split()[0]
        if kind in ("cgroup", "cgroup2"):
            found[Path(left.split()[4])] = kind
    return found


class Groups:
    """Made at once; `remove` when the machine is off."""

    def __init__(self) -> None:
        _sweep()
        self._name = f"{PREFIX}{os.getpid()}.{next(_numbers)}"
        self.made: list[Path] = []
        try:
            for mount, kind in hierarchies().items():
                self._make(mount, kind)
        except OSError:
            self.remove()
            raise

    def _make(self, mount: Path, kind: str) -> None:
        group = mount / self._name
        if kind == "cgroup2":
            for controller in (mount / "cgroup.controllers").read_text().split():
                _try_write(mount / "cgroup.subtree_control", f"+{controller}")
        group.mkdir()
        self.made.append(group)
        for name in ("cpuset.cpus", "cpuset.mems"):  # of version 1: a group without them takes no process
            if kind == "cgroup" and (group / name).exists():
                (group / name).write_text((mount / name).read_text())
        limits = {"memory.limit_in_bytes": MEMORY_OCTETS, "memory.max": MEMORY_OCTETS, "pids.max": TASKS}
        for name, number in limits.items():
            if (group / name).exists():
                (group / name).write_text(str(number))

    def remove(self) -> None:
        """Take them away as soon as their last process is gone."""
        deadline = time.monotonic() + PATIENCE_S
        while self.made:
            self.made = [group for group in self.made if not _remove(group)]
            assert time.monotonic() < deadline, f"still in use: {self.made}"
            time.sleep(0.02 if self.made else 0)


def _try_write(file: Path, text: str) -> None:
    """A controller that cannot be had is one that tests find missing."""
    try:
        file.write_text(text)
    except OSError as error:
        print(f"{file}: {text}: {error.strerror}")


def _remove(group: Path) -> bool:
    """With all below it; False: it is in use."""
    for directory, _, _ in os.walk(group, topdown=False):
        try:
            os.rmdir(directory)
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True


def _sweep() -> None:
    """Groups of runs that were killed."""
    for mount in hierarchies():
        for group in mount.glob(f"{PREFIX}*"):
            if not Path("/proc", group.name.removeprefix(PREFIX).partition(".")[0]).exists():
                _remove(group)
