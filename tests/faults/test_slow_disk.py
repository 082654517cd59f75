"""A disk that takes seconds for each sync or rename: replies come late and are true, others are answered."""

import os
import signal
import threading
import time

import pytest

from aimx import client
from aimx.wire.frames import EmailList, MailboxList, MailboxShow, MarkRead, MarkUnread, Status, Version
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import PROMISED, TALLY
from tests.faults.traffic import PATIENCE_S, Traffic, until
from tests.harness import DOMAIN, Daemon

pytestmark = NEEDED

SECONDS = (1, 3) if shapes.FULL else (1,)
CALLS = ("fsync", "fdatasync", "renameat2")
CASES = [(call, seconds) for call in CALLS for seconds in SECONDS]
READING = (Version(), MailboxList(), MailboxShow("ops"), Status(), EmailList(mailbox="ops", limit=5))


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("slow"), shapes.CONFIG) as running:
        running.send(shapes.message("warm", 1), f"ops@{DOMAIN}", f"dev@{DOMAIN}")
        yield running


def _slow(call, seconds):
    return f"{call}:delay_enter={seconds * 1_000_000}"


class Asked(threading.Thread):
    """Something that waits for the disk; `took_s` and `answer` when it is over."""

    def __init__(self, work):
        super().__init__()
        self._work = work
        self.answer, self.took_s = None, 0.0
        self.start()

    def run(self):
        began = time.monotonic()
        self.answer = self._work()
        self.took_s = time.monotonic() - began


@pytest.mark.parametrize(("call", "seconds"), CASES, ids=["-".join(map(str, case)) for case in CASES])
def test_no_promise_comes_before_the_disk_and_others_are_answered(daemon, tmp_path, call, seconds):
    marker = f"{call}.{seconds}"
    with inject(daemon.pid, tmp_path / "trace", _slow(call, seconds)) as fault:
        mail = Asked(lambda: daemon.send(shapes.message(marker, 1), f"ops@{DOMAIN}", f"dev@{DOMAIN}"))
        _until_slow(tmp_path / "trace")
        for request in READING:
            assert client.call(daemon.socket, request, PATIENCE_S).kind == "json", request
        mail.join(PATIENCE_S)
        found = {(marker, box): shapes.copies(daemon, box, marker) for box in ("ops", "dev")}
        TALLY.account(dict.fromkeys(found, PROMISED), found)
        (id_,) = [path.stem for path in shapes.stored(daemon, "ops")[marker]]
        mark = Asked(lambda: client.call(daemon.socket, MarkRead("ops", id_), PATIENCE_S).kind)
        mark.join(PATIENCE_S)
    assert fault.hit
    assert mail.took_s >= seconds
    assert (mark.answer, mark.took_s >= seconds) == ("ok", True)
    assert client.call(daemon.socket, MarkUnread("ops", id_), PATIENCE_S).kind == "ok"


def _until_slow(trace):
    until(lambda: trace.exists() and trace.stat().st_size, "a slow call")


@pytest.mark.parametrize("call", CALLS)
def test_traffic_waits_its_turn(daemon, tmp_path, call):
    with Traffic(daemon, f"all.{call}", senders=6) as traffic:
        with inject(daemon.pid, tmp_path / "trace", _slow(call, 1)) as fault:
            _until_slow(tmp_path / "trace")
            traffic.more(2)
        traffic.recovers(time.monotonic())
    traffic.account()
    assert fault.hit
    assert not traffic.refused


@pytest.mark.parametrize("call", CALLS if shapes.FULL else CALLS[:1])
def test_a_kill_while_the_disk_takes_its_time(daemon, tmp_path, call):
    with Traffic(daemon, f"kill.{call}") as traffic:
        with inject(daemon.pid, tmp_path / "trace", _slow(call, 30), counted=False):
            _until_slow(tmp_path / "trace")
            os.kill(daemon.pid, signal.SIGKILL)
            TALLY.fault("kill -9 in a slow call")
        began = time.monotonic()
        daemon.kill()
        daemon.start()
        traffic.recovers(began)
    traffic.account()
