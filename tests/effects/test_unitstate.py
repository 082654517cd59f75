"""What systemd tells about a run."""

import pytest

from aimx.effects import unitstate
from aimx.model.job import Ended

SHOWN = {
    "LoadState": "loaded", "ActiveState": "active", "SubState": "exited", "Result": "success", "MainPID": "0",
    "ExecMainCode": "1", "ExecMainStatus": "0", "ExecMainStartTimestampMonotonic": "1000000",
    "ExecMainExitTimestampMonotonic": "1025000", "ActiveEnterTimestampMonotonic": "1001000",
    "CPUUsageNSec": "12400000", "MemoryPeak": "4096", "ControlGroup": "/aimx.slice/u",
}  # fmt: skip


def unit(**changed: str) -> unitstate.Seen:
    """A unit as it is shown, but for some properties."""
    found = unitstate.seen("\n".join(f"{key}={text}" for key, text in {**SHOWN, **changed}.items() if text != "-"))
    assert found is not None
    return found


FAILED = {"ActiveState": "failed", "SubState": "failed", "Result": "exit-code"}
KILLED = {**FAILED, "Result": "signal", "ExecMainCode": "2", "ExecMainStatus": "9"}
ENDS = [
    pytest.param({}, Ended(0, False, "", False, 12, 4096, 25), id="success"),
    pytest.param({**FAILED, "ExecMainStatus": "3"}, Ended(3, False, "", False, 12, 4096, 25), id="exit-code"),
    pytest.param({**FAILED, "ExecMainStatus": "203"}, Ended(203, False, "", False, 12, 4096, 25), id="own-203"),
    pytest.param(KILLED, Ended(-1, False, "", False, 12, 4096, 25), id="signal"),
    pytest.param({**KILLED, "ExecMainCode": "3"}, Ended(-1, False, "", False, 12, 4096, 25), id="core-dump"),
    pytest.param({**KILLED, "Result": "timeout"}, Ended(-1, True, "", False, 12, 4096, 25), id="timeout"),
    pytest.param(
        {**FAILED, "Result": "timeout", "ExecMainStatus": "7"},
        Ended(7, True, "", False, 12, 4096, 25), id="timeout-and-an-exit-code",
    ),
    pytest.param(
        {**KILLED, "Result": "oom-kill"},
        Ended(-1, False, "", False, 12, 4096, 25, "killed: out of memory (hook_memory_max = 64M)"), id="out-of-memory",
    ),
    pytest.param(
        {"CPUUsageNSec": "[not set]", "MemoryPeak": "18446744073709551615"},
        Ended(0, False, "", False, None, None, 25), id="not-counted",
    ),
    pytest.param({"MemoryPeak": "-"}, Ended(0, False, "", False, 12, None, 25), id="systemd-too-old"),
    pytest.param(
        {"ExecMainCode": "0", "ExecMainExitTimestampMonotonic": "0"}, Ended(-1, lost=True), id="never-reaped"
    ),
    pytest.param(
        {**FAILED, "ExecMainStatus": "5", "ActiveEnterTimestampMonotonic": "0"},
        Ended(5, False, "", False, 12, 4096, 25), id="so-fast-that-systemd-saw-no-start",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("changed", "expected"), ENDS)
def test_end_of_a_run(changed: dict[str, str], expected: Ended) -> None:
    found = unit(**changed)
    assert found.stage == "over"
    assert not unitstate.never_ran(found)
    assert not unitstate.doubtful(found)
    assert unitstate.ended(found, "64M") == expected


NEVER = {**FAILED, "ActiveEnterTimestampMonotonic": "0"}


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        pytest.param({**NEVER, "Result": "resources", "ExecMainCode": "0"}, "systemd-run: said", id="no-environment"),
        pytest.param(
            {**NEVER, "Result": "timeout", "ExecMainCode": "2"},
            "exec: it was not executed within 20 seconds", id="file-system-that-hangs",
        ),
    ],
)  # fmt: skip
def test_run_that_surely_never_ran(changed: dict[str, str], problem: str) -> None:
    found = unit(**changed)
    assert unitstate.never_ran(found)
    assert unitstate.problem(found, "said\n") == problem


STAGES = [
    pytest.param({"ActiveState": "activating", "SubState": "start"}, "starting", id="starting"),
    pytest.param({"SubState": "running", "MainPID": "7"}, "running", id="running"),
    pytest.param({"ActiveState": "deactivating", "SubState": "stop-sigterm"}, "stopping", id="stopping"),
    pytest.param({}, "over", id="exited"),
    pytest.param(FAILED, "over", id="failed"),
    pytest.param({"ActiveState": "inactive", "SubState": "dead"}, "over", id="stopped-by-hand"),
]


@pytest.mark.parametrize(("changed", "stage"), STAGES)
def test_stage_of_a_unit(changed: dict[str, str], stage: str) -> None:
    assert unit(**changed).stage == stage


def test_no_unit_is_no_end() -> None:
    assert unitstate.seen("LoadState=not-found\nActiveState=inactive\n") is None
    assert unitstate.seen("") is None


def test_half_an_answer_is_none() -> None:
    with pytest.raises(ValueError, match="MainPID"):
        unitstate.seen("LoadState=loaded\nActiveState=active\n")


SPAWN_FAILED = '"MESSAGE_ID":"641257651c1b4ec9a8624d7a40a9e1e7","MESSAGE":"u: Failed at step %s spawning /x: why"'
JOURNALS = [
    pytest.param("", (False, ""), id="no-journal"),
    pytest.param('{"MESSAGE":"Starting"}\n', (True, ""), id="nothing-failed"),
    pytest.param(
        "{" + SPAWN_FAILED % "EXEC" + ',"ERRNO":"13"}\n', (True, "exec: Permission denied"), id="not-executable"
    ),
    pytest.param(
        "{" + SPAWN_FAILED % "CHDIR" + ',"ERRNO":"2"}', (True, "cwd: No such file or directory"), id="directory"
    ),
    pytest.param("{" + SPAWN_FAILED % "SECCOMP" + "}", (True, "seccomp: failed"), id="step-that-has-no-word"),
    pytest.param("{" + SPAWN_FAILED % "EXEC" + ',"ERRNO":"99999999999"}', (True, "exec: failed"), id="no-such-errno"),
    pytest.param("[" * 100_000 + "\n", (False, ""), id="nested"),
    pytest.param("not json\n[1]\n{}\n", (False, ""), id="garbage"),
]


@pytest.mark.parametrize(("journal", "expected"), JOURNALS)
def test_why_a_program_was_not_executed(journal: str, expected: tuple[bool, str]) -> None:
    assert unitstate.told(journal) == expected


SAID = [
    pytest.param(
        "Failed to find executable /nope: No such file or directory\n", "exec: No such file or directory", id="missing"
    ),
    pytest.param("Failed to connect\nto bus: refused\n", "systemd-run: Failed to connect to bus: refused", id="bus"),
    pytest.param("", "systemd-run: failed and said nothing", id="silent"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "problem"), SAID)
def test_what_systemd_run_says(said: str, problem: str) -> None:
    assert unitstate.problem(None, said) == problem


@pytest.mark.parametrize("status", [200, 203, 217, 226])
def test_status_of_systemds_own_is_doubtful_until_the_program_was_seen_to_start(status: int) -> None:
    assert unitstate.doubtful(unit(**NEVER, ExecMainStatus=str(status)))
    assert not unitstate.doubtful(unit(**FAILED, ExecMainStatus=str(status)))
    assert f"systemd: {status}" in unitstate.problem(unit(**NEVER, ExecMainStatus=str(status)), "")


def test_variables_of_the_manager_by_name() -> None:
    assert unitstate.variables("LANG=C\nA_1=$'x\\ny=1'\n broken\nPATH=/bin\n") == ("LANG", "A_1", "PATH")
