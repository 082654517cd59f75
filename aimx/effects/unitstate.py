"""A run of a hook as systemd tells it: of its unit, in its journal. Pure.

Never trusts that a unit "failed to start" for the program not having run: one that ends at once is seen so too.
"""

import json
import os
import re
from typing import Literal, NamedTuple

from aimx import limits
from aimx.model.job import Ended

_NAME = re.compile(r"^([A-Za-z_][A-Za-z0-9_]*)=", re.MULTILINE)

PROPERTIES = (
    "LoadState", "ActiveState", "SubState", "Result", "MainPID", "ExecMainCode", "ExecMainStatus",
    "ExecMainStartTimestampMonotonic", "ExecMainExitTimestampMonotonic", "ActiveEnterTimestampMonotonic",
    "CPUUsageNSec", "MemoryPeak", "ControlGroup",
)  # fmt: skip
_EXITED = 1  # CLD_EXITED
_MISSING = re.compile(r"^Failed to find executable .*: (.*)", re.DOTALL | re.MULTILINE)
_ERRNO = re.compile("[0-9]{1,4}")
_SPAWN_FAILED = "641257651c1b4ec9a8624d7a40a9e1e7"  # SD_MESSAGE_SPAWN_FAILED
JOURNAL_FIELDS = ("MESSAGE_ID", "MESSAGE", "ERRNO")
_WORDS = {  # systemd's names of the steps that have one of ours, as the other executor uses them
    "CHDIR": "cwd", "EXEC": "exec", "USER": "identity", "GROUP": "identity", "STDIN": "descriptors",
    "STDOUT": "descriptors", "STDERR": "descriptors", "NAMESPACE": "sandbox",
}  # fmt: skip
_STEPS = {  # systemd.exec(5), "Process exit codes": why a program never ran, with our word for the step
    200: "cwd: its directory cannot be entered",
    202: "descriptors: they cannot be prepared",
    203: "exec: the program cannot be executed",
    205: "limits: they cannot be set",
    207: "identity: the user cannot be taken on",
    208: "descriptors: stdin cannot be opened",
    209: "descriptors: stdout cannot be opened",
    214: "limits: the scheduler refuses",
    216: "identity: the group does not exist or cannot be taken on",
    217: "identity: the user does not exist or cannot be taken on",
    219: "sandbox: its control group cannot be entered",
    222: "descriptors: stderr cannot be opened",
    226: "sandbox: this host does not let systemd make one",
    227: "sandbox: no-new-privileges is refused",
    228: "sandbox: the system call filter is refused",
}
_LAID_OUT = (208, 209, 222)  # of these, what comes from the daemon


def variables(shown: str) -> tuple[str, ...]:
    """The names in an answer of `systemctl show-environment`."""
    return tuple(_NAME.findall(shown))


class Seen(NamedTuple):
    """A unit, as `systemctl show` tells it. Times are microseconds of the monotonic clock, 0 for never.

    `main_pid` is 0 when its main process is no more. `cpu_ns` and `peak_octets` are None where nobody counts.
    """

    active: str
    sub: str
    result: str
    main_pid: int
    main_code: int
    main_status: int
    main_start_us: int
    main_exit_us: int
    executed: bool
    cpu_ns: int | None
    peak_octets: int | None
    control_group: str

    @property
    def stage(self) -> Literal["starting", "running", "stopping", "over"]:
        """How far it is."""
        if self.active == "activating":
            return "starting"
        if self.active == "deactivating":
            return "stopping"
        return "running" if self.active in ("active", "reloading") and self.sub != "exited" else "over"


def seen(shown: str) -> Seen | None:
    """What `systemctl show` printed of PROPERTIES; None: there is no such unit. Raises: ValueError."""
    found = dict(line.partition("=")[::2] for line in shown.splitlines())
    if found.get("LoadState") != "loaded":
        return None
    missing = set(PROPERTIES[:10]) - set(found)
    if missing:
        raise ValueError(f"no {', '.join(sorted(missing))} in it")
    return Seen(
        found["ActiveState"], found["SubState"], found["Result"], int(found["MainPID"]), int(found["ExecMainCode"]),
        int(found["ExecMainStatus"]), int(found["ExecMainStartTimestampMonotonic"]),
        int(found["ExecMainExitTimestampMonotonic"]), int(found["ActiveEnterTimestampMonotonic"]) > 0,
        _count(found.get("CPUUsageNSec", "")), _count(found.get("MemoryPeak", "")), found.get("ControlGroup", ""),
    )  # fmt: skip


def _count(text: str) -> int | None:
    """A number; None for `[not set]` and for the largest there is, which says the same."""
    return int(text) if text.isdecimal() and int(text) < limits.SYSTEMD_UNSET else None


def doubtful(unit: Seen) -> bool:
    """Whether only the journal knows if the program ran: its own status may be one of systemd's."""
    return not unit.executed and unit.main_code == _EXITED and unit.main_status in _STEPS


def untouched(unit: Seen) -> bool:
    """Whether systemd knows it and has not begun with it."""
    return unit.active == "inactive" and unit.main_code == 0 and not unit.executed and unit.result == "success"


def never_ran(unit: Seen) -> bool:
    """Whether it is certain that systemd never executed the program."""
    return not unit.executed and (unit.main_code == 0 or unit.result == "timeout")


def unprepared(unit: Seen) -> bool:
    """Of one that never ran: whether for want of what its daemon had laid out, which goes when that is killed."""
    if unit.main_code == 0:
        return unit.result == "resources"
    return unit.main_code == _EXITED and unit.main_status in _LAID_OUT


def ended(unit: Seen, memory_max: str = "") -> Ended:
    """How a run ended that is over and that did run."""
    if unit.main_code == 0:  # its main process was never reaped: stuck in the kernel
        return Ended(-1, unit.result == "timeout", lost=True)
    code = unit.main_status if unit.main_code == _EXITED else -1
    cpu_ms = None if unit.cpu_ns is None else round(unit.cpu_ns / 1_000_000)
    ran_ms = max(0, round((unit.main_exit_us - unit.main_start_us) / 1000)) if unit.main_exit_us else None
    note = ""
    if unit.result == "oom-kill":
        note = f"killed: out of memory (hook_memory_max = {memory_max})" if memory_max else "killed: out of memory"
        code = -1
    return Ended(code, unit.result == "timeout", "", False, cpu_ms, unit.peak_octets, ran_ms, note)


class Told(NamedTuple):
    """What the journal holds of a unit: anything at all, and why its program could not be executed."""

    anything: bool
    problem: str


def told(journal: str) -> Told:
    """The answer of `journalctl --output=json`. Its fields are whoever's; who forges them deceives himself."""
    entries = [entry for entry in map(_entry, journal.splitlines()) if entry]
    for entry in entries:
        if entry.get("MESSAGE_ID") == _SPAWN_FAILED:
            step = re.search(r" at step ([A-Z_]+) ", str(entry.get("MESSAGE")))
            name = _WORDS.get(step[1], step[1].lower()) if step else "exec"
            number = _ERRNO.fullmatch(str(entry.get("ERRNO")))
            return Told(True, f"{name}: {os.strerror(int(number[0])) if number else 'failed'}")
    return Told(bool(entries), "")


def _entry(line: str) -> dict[str, object]:
    if not line.lstrip().startswith("{"):  # a quarter of a million empty lines would cost half a second to refuse
        return {}
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return entry if isinstance(entry, dict) else {}


def is_missing(said: str) -> bool:
    """Whether systemd-run itself saw that there is no such program."""
    return _MISSING.search(said) is not None


def problem(unit: Seen | None, said: str) -> str:
    """Why a program never ran: by the unit that systemd made of it, or by what systemd-run said."""
    if unit is not None and unit.result == "timeout":
        return f"exec: it was not executed within {limits.HOOK_START_S:g} seconds"
    if unit is not None and unit.main_code == _EXITED and unit.main_status in _STEPS:
        return f"{_STEPS[unit.main_status]} (systemd: {unit.main_status})"
    if missing := _MISSING.search(said):
        return f"exec: {missing[1].strip()}"
    lines = [line for line in said.splitlines() if line.strip()]
    return f"systemd-run: {' '.join(lines)[: limits.HOOK_PROBLEM_CHARACTERS] or 'failed and said nothing'}"
