"""SIGSTOP in the middle of traffic, of the daemon and of each of its helpers, then SIGCONT or kill -9: mail goes on."""

import os
import random
import signal
import time

import psutil
import pytest

from aimx import limits
from aimx.effects.process import cpu_count
from tests.bench import gauge
from tests.faults import shapes
from tests.faults.tally import TALLY
from tests.faults.traffic import ROUNDS, Traffic, until
from tests.harness import Daemon

HELPERS = max(limits.WORKERS_MIN, cpu_count()) + 1  # workers, and the resolver

WHOM = ("front", "spawner", "first worker", "second worker", "resolver")
CASES = [(whom, end) for whom in WHOM for end in ("CONT", "KILL")]
EACH = max(1, ROUNDS // len(CASES))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("stopped"), shapes.CONFIG) as running:
        yield running


def _pid(daemon, whom):
    """The process that plays a part now. Helpers have the role that the daemon has told of them; workers an age."""
    front = psutil.Process(daemon.pid)
    if whom == "front":
        return front.pid
    until(lambda: len(front.children(recursive=True)) == HELPERS + 1, "all helpers")
    spawner = front.children()[0]
    if whom == "spawner":
        return spawner.pid
    now = [process.pid for process in spawner.children()]
    until(lambda: set(now) <= gauge.helpers(daemon.log).keys(), "all roles")
    roles = gauge.helpers(daemon.log)
    mine = sorted(pid for pid in now if roles[pid] == whom.split()[-1])
    return mine[whom.startswith("second")]


@pytest.mark.parametrize(("whom", "end"), CASES, ids=["-".join(case).replace(" ", "-") for case in CASES])
def test_mail_goes_on(daemon, whom, end):
    chance = random.Random(f"{whom} {end}")
    with Traffic(daemon, f"{whom}.{end}".replace(" ", "_")) as traffic:
        for _ in range(EACH):
            traffic.more()
            pid = _pid(daemon, whom)
            os.kill(pid, signal.SIGSTOP)
            TALLY.fault(f"SIGSTOP of the {whom.split()[-1]}")
            time.sleep(chance.uniform(0.0, 0.3))  # how long it stands still, not a wait for anything
            began = time.monotonic()
            if end == "CONT":
                os.kill(pid, signal.SIGCONT)
            else:
                _kill(daemon, whom, pid)
            traffic.recovers(began)
    traffic.account()


def _kill(daemon, whom, pid):
    TALLY.fault("kill -9 of what is stopped")
    if whom == "front":
        daemon.kill()
        daemon.start()
    else:
        os.kill(pid, signal.SIGKILL)
