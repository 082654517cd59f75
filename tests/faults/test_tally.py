"""The account itself: what was promised is looked for by marker, and a run that lost or doubled a mail has failed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.faults.tally import DOUBTFUL, ENOUGH, PROMISED, REFUSED, Tally

TOLD = {("a", "ops"): PROMISED, ("a", "dev"): PROMISED, ("b", "ops"): REFUSED, ("c", "ops"): DOUBTFUL}
WHOLE = {("a", "ops"): 1, ("a", "dev"): 1}


@pytest.mark.parametrize(
    ("found", "lost", "duplicated"),
    [
        (WHOLE, 0, 0),
        (WHOLE | {("c", "ops"): 1, "somebody else's": 2}, 0, 0),
        ({("a", "ops"): 1}, 1, 0),
        ({("a", "ops"): 2}, 1, 1),  # as many as were promised
        (WHOLE | {("b", "ops"): 2, ("c", "ops"): 2}, 0, 2),
    ],
    ids=["whole", "doubtful-is-there", "lost", "doubled-and-lost", "doubled-without-promise"],
)
def test_mail_is_held_against_what_was_told_of_it(found, lost, duplicated):
    tally = Tally()
    if lost or duplicated:
        with pytest.raises(AssertionError):
            tally.account(TOLD, found)
    else:
        tally.account(TOLD, found)
    assert tally.mail == {"promised": 2, "found": 2 - lost, "lost": lost, "duplicated": duplicated,
                          "refused": 1, "doubtful": 1}  # fmt: skip
    assert bool(tally.untrue()) == bool(lost or duplicated)


def test_sums_of_processes_are_one_sum():
    tally, other = Tally(), Tally()
    for one in (tally, other):
        one.fault("kill -9", ENOUGH // 2)
        one.note("packets", 7)
        one.account({"a": PROMISED}, {"a": 1})
    assert tally.few()
    tally.add(other.told())
    assert (tally.few(), tally.untrue()) == ([], [])
    assert tally.lines() == [
        f"{ENOUGH} faults injected", f"  {ENOUGH:>6}  kill -9", "in them: 14 packets",
        "messages: 2 promised, 2 found, 0 duplicated, 0 lost, 0 refused, 0 doubtful",
    ]  # fmt: skip


CONFTEST = "from tests.faults.conftest import *\n"
LOST = """
import contextlib
from tests.faults.tally import PROMISED, TALLY

def test_that_swallows_a_loss():
    TALLY.fault("kill -9")
    with contextlib.suppress(AssertionError):
        TALLY.account({"a": PROMISED}, {"a": COPIES})
"""


@pytest.mark.parametrize("processes", ["0", "1"])
@pytest.mark.parametrize("copies", [0, 1])
def test_a_run_that_lost_a_mail_has_failed_whatever_its_tests_say(tmp_path, copies, processes):
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_it.py").write_text(LOST.replace("COPIES", str(copies)))
    evidence = tmp_path / ".nox/evidence/faults"
    evidence.parent.mkdir(parents=True)
    evidence.write_text("of the run before\n")
    root = str(Path(__file__).parents[2])
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", processes, "."]
    done = subprocess.run(
        argv, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True, check=False
    )
    assert "1 passed" in done.stdout, done
    assert done.returncode == (0 if copies else 1)
    assert ("FAILED: 1 messages lost" in done.stdout) == (not copies)
    assert evidence.exists() == (not copies)
    if not copies:
        assert "1 promised, 0 found, 0 duplicated, 1 lost" in evidence.read_text()
