"""A thousand probes: no more at once than there are places, all answered, and what that costs."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager

import psutil
import pytest

from aimx import limits
from tests.faults.tally import TALLY
from tests.verifier import namespaces
from tests.verifier.namespaces import HERE4, THERE4, WAIT_S
from tests.verifier.program import Verifier

pytestmark = pytest.mark.root

CALLERS = "11.1.0.0"  # and 65,535 more, every one of them the machine that is probed
NOWHERE = "11.2.0.0"  # as many that answer nothing at all
PROBES = 1000
SILENT = 300
AT_ONCE = 90
LATE = 8  # connections that the verifier has ended and their targets have not seen the end of
assert limits.VERIFIER_PROBES + LATE < AT_ONCE


@pytest.fixture(scope="module")
def machines():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with namespaces.two() as (here, there):
        here.ip("route", "add", "local", f"{CALLERS}/16", "dev", "lo")
        there.ip("route", "add", f"{CALLERS}/16", "via", HERE4)
        there.ip("route", "add", f"{NOWHERE}/16", "via", HERE4)  # which passes nothing on
        yield here, there


@pytest.fixture
def verifier(machines):
    env = {"BIND_ADDR": "127.0.0.1:3025", "SMTP_BIND_ADDR": f"{THERE4}:25"}
    with Verifier(machines[1].enter, **env) as running:
        yield running


@contextmanager
def targets(machine):
    """Yields a function that says how many connections there were at once."""
    argv = [*machine.enter, sys.executable, "-m", "tests.verifier.targets"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "listening\n"
            yield lambda: int(process.communicate(timeout=WAIT_S)[0])
        finally:
            process.kill()


def crowd(machine, first, count, at_once, *words):
    numbers = ("3025", first, str(count), str(at_once))
    argv = [*machine.enter, sys.executable, "-m", "tests.verifier.crowd", *numbers, *words]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=5 * WAIT_S)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


class Waiting:
    """Callers who all ask at once, and wait."""

    def __init__(self, machine, first, count):
        argv = [*machine.enter, sys.executable, "-m", "tests.verifier.crowd", "3025", first, str(count), str(count)]
        self._process = subprocess.Popen([*argv, "--wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def refused(self):
        """How many were, once all others wait for their answers."""
        return json.loads(self._process.stdout.readline())["503 None"]

    def leave(self):
        """All hang up."""
        self._process.communicate(timeout=WAIT_S)

    def __exit__(self, *_):
        with self._process:
            self._process.kill()


def until(true):
    """Wait for it."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_thousand_probes_are_all_answered_within_the_places_there_are(machines, verifier):
    process = psutil.Process(verifier.process.pid)
    before, idle = process.memory_info().rss, process.num_fds()
    cpu = process.cpu_times()
    with targets(machines[0]) as most:
        counts = crowd(machines[1], CALLERS, PROBES, AT_ONCE)
        at_once = most()
    spent = process.cpu_times()
    cpu_ms = 1000 * (spent.user + spent.system - cpu.user - cpu.system) / PROBES
    grown = process.memory_info().rss - before
    print(f"CPU {cpu_ms:.2f} ms a probe; {before // 1024} KiB, grown by {grown // 1024}; {at_once} at once; {counts}")
    assert counts.pop("200 True") == PROBES
    assert set(counts) <= {"busy"}
    assert at_once <= limits.VERIFIER_PROBES + LATE
    assert grown < 32 * limits.MIB
    assert cpu_ms < 50  # some 2 ms where nothing else runs
    until(lambda: process.num_fds() <= idle)


def test_callers_whose_host_is_silent_take_no_more_than_the_places_and_leave_them_when_they_go(machines, verifier):
    process = psutil.Process(verifier.process.pid)
    idle = process.num_fds()
    with Waiting(machines[1], NOWHERE, SILENT) as waiting:
        assert waiting.refused() == SILENT - limits.VERIFIER_PROBES  # at once, although nobody answers the others
        assert crowd(machines[1], CALLERS, 1, 1, "--once") == {"503 None": 1}
        assert process.memory_info().rss < 128 * limits.MIB
        waiting.leave()
        TALLY.fault("a prober that hangs up", limits.VERIFIER_PROBES)
    until(lambda: process.num_fds() <= idle)
    with targets(machines[0]):
        assert crowd(machines[1], CALLERS, 1, 1, "--once") == {"200 True": 1}


def test_one_caller_has_a_share_and_the_next_has_his_own(machines):
    env = {"BIND_ADDR": "127.0.0.1:3025", "SMTP_BIND_ADDR": f"{THERE4}:25", "PROBE_RATE_PER_MINUTE": "1"}
    with Verifier(machines[1].enter, **env), targets(machines[0]):
        counts = [crowd(machines[1], client, 1, 1, "--once") for client in ("11.1.7.7", "11.1.7.7", "11.1.7.8")]
    assert counts == [{"200 True": 1}, {"429 None": 1}, {"200 True": 1}]
