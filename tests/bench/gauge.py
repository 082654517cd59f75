"""CPU time and memory of the daemon's processes, from /proc."""

import contextlib
import os
import re
from pathlib import Path
from typing import NamedTuple

import psutil

_TICK = os.sysconf("SC_CLK_TCK")
ROLES = ("front main", "front commits", "front other", "worker", "resolver", "spawner", "hook")


class Memory(NamedTuple):
    """Kilobytes of one process."""

    rss: int
    pss: int


def helpers(log: list[str]) -> dict[int, str]:
    """Process id and role of the helpers, by the lines that the daemon has logged."""
    matches = (re.search(r"event=helper-ready role=(\w+) pid=(\d+)", line) for line in log)
    return {int(match[2]): match[1] for match in matches if match}


def roles(pid: int, log: list[str]) -> dict[int, str]:
    """Role of every process of the daemon."""
    found = helpers(log)
    front = psutil.Process(pid)
    children = {child.pid: "spawner" for child in front.children()}
    others = {child.pid: "hook" for child in front.children(recursive=True)}
    return {pid: "front", **others, **children, **{key: role for key, role in found.items() if key in others}}


def _ticks(path: Path) -> int:
    fields = path.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def cpu(processes: dict[int, str]) -> dict[str, float]:
    """Seconds of user and system time so far by role; the front's by its main thread, commit threads and the rest."""
    spent = dict.fromkeys(ROLES, 0.0)
    for pid, role in processes.items():
        total = _ticks(Path(f"/proc/{pid}/stat"))
        if role != "front":
            spent[role] += total / _TICK
            continue
        main = _ticks(Path(f"/proc/{pid}/task/{pid}/stat"))
        commits = 0
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                if task.name != str(pid) and "Trio" in (task / "comm").read_text():
                    commits += _ticks(task / "stat")
        spent["front main"] += main / _TICK
        spent["front commits"] += commits / _TICK
        spent["front other"] += (total - main - commits) / _TICK
    return spent


def memory(pid: int) -> Memory:
    """Resident and proportional size of one process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    values = dict(re.findall(r"^(Rss|Pss):\s+(\d+) kB", text, re.MULTILINE))
    return Memory(int(values["Rss"]), int(values["Pss"]))
