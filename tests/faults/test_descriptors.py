"""No descriptor left, for this process or on the whole machine: refused or late, never untrue, well again by itself."""

import contextlib
import os
import resource
import socket
import time

import psutil
import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire.frames import EmailList, MailboxList, Status
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import TALLY
from tests.faults.traffic import PATIENCE_S, ROUNDS, Traffic, until
from tests.harness import Daemon

CALLS = [
    ("accept4", "EMFILE"), ("accept4", "ENFILE"), ("accept4", "ENOBUFS"), ("accept4", "ECONNABORTED"),
    ("openat", "EMFILE"), ("openat", "ENFILE"), ("openat2", "EMFILE"), ("openat2", "ENFILE"), ("openat2", "ENOMEM"),
]  # fmt: skip
EVERY = (2, 3, 5) if shapes.FULL else (2,)
CASES = [(call, error, every) for call, error in CALLS for every in EVERY]
LIMITED = range(max(4, ROUNDS // 4))
KEPT = 2  # a connection to the store, or one file, that happens to be open when it is counted
COUNTED = 40
SPARE = 8  # more are enough for so few senders
ASKED = (MailboxList(), Status(), EmailList(mailbox="ops", limit=5))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("descriptors"), shapes.CONFIG) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def idle(daemon):
    """How many it keeps open once it has had traffic and questions, before any fault."""
    with Traffic(daemon, "first") as traffic:
        traffic.more(20)
        _ask(daemon)
    traffic.account()
    return _settled(daemon)


def _ask(daemon):
    """Each verb is answered, whatever the answer; or the connection is not accepted."""
    for request in ASKED:
        try:
            response = client.call(daemon.socket, request, 60)
        except (AimxError, OSError):
            continue
        assert response.kind == "json" or response.code in ("TEMP", "IO"), response
        assert response.reason != "internal error", [line for line in daemon.log if "fail" in line][-3:]


def _well(daemon, traffic, began):
    traffic.recovers(began)
    for request in ASKED:
        assert client.call(daemon.socket, request, 60).kind == "json"
    assert "Traceback" not in "".join(daemon.log), daemon.log[-20:]


@NEEDED
@pytest.mark.parametrize(("call", "error", "every"), CASES, ids=["-".join(map(str, case)) for case in CASES])
def test_a_call_that_fails_every_so_often(daemon, tmp_path, call, error, every):
    with Traffic(daemon, f"{call}.{error}.{every}") as traffic:
        traffic.more()
        with inject(daemon.pid, tmp_path / "trace", f"{call}:error={error}:when=1+{every}") as fault:
            traffic.tries(10)
            _ask(daemon)
        _well(daemon, traffic, time.monotonic())
    traffic.account()
    assert fault.hit


@pytest.mark.parametrize("number", LIMITED)
def test_a_limit_that_is_reached(daemon, number):
    """The daemon has a few more than it uses when nothing happens, and silent clients take them one by one."""
    with Traffic(daemon, f"limit.{number}", senders=5) as traffic, contextlib.ExitStack() as idle:
        traffic.more()
        usual = resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE)
        limit = _highest(daemon) + number % SPARE
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, (limit, usual[1]))
        seen = len(traffic.tried)
        silent = 0
        while _used(daemon) < limit:
            if silent < limit:  # whatever it has not accepted yet: hundreds more would be too many by another rule
                idle.enter_context(socket.create_connection(("127.0.0.1", daemon.port), PATIENCE_S))
                silent += 1
            else:
                time.sleep(0.01)
        TALLY.fault("RLIMIT_NOFILE reached")
        # One whose connection waits in the queue tries nothing more: as many as there are senders.
        until(lambda: len(traffic.tried) >= seen + 5 or traffic.refused or traffic.doubtful, "traffic")
        resource.prlimit(daemon.pid, resource.RLIMIT_NOFILE, usual)
        _well(daemon, traffic, time.monotonic())
    traffic.account()


def _highest(daemon):
    return max(int(name) for name in os.listdir(f"/proc/{daemon.pid}/fd")) + 1


def _used(daemon):
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


def _settled(daemon):
    """The fewest in a time in which what waits for a moment is closed."""
    process = psutil.Process(daemon.pid)
    counts = []
    until(lambda: counts.append(process.num_fds()) or len(counts) > COUNTED, "counts of descriptors")
    return min(counts)


def test_none_was_kept(daemon, idle):
    """After all that there are no more descriptors than after as much traffic without a fault."""
    process = psutil.Process(daemon.pid)
    with Traffic(daemon, "calm") as traffic:
        traffic.more(20)
    traffic.account()
    until(lambda: process.num_fds() <= idle + KEPT, f"no more than {idle} descriptors and {KEPT}")
