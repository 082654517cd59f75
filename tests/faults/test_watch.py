"""Many watchers, some of whom come and go, while mail arrives from several sides: everybody sees all of it once."""

import itertools
import signal
import socket
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from aimx import limits
from aimx.wire import codec
from aimx.wire.frames import Watch
from tests.daemon.watchers import Watcher
from tests.faults.tally import PROMISED, TALLY
from tests.harness import Daemon, mail

WATCHERS, SENDERS, EACH = 20, 4, 75
LONG = "x" * 2000  # so that what a stalled client is owed does not fit into the buffers of its socket


def send(daemon, name: int) -> None:
    with daemon.smtp() as client:
        for number in range(EACH):
            client.sendmail("a@sender.test", ["ops@agent.test"], mail(f"{name}-{number} {LONG}"))


def watch(daemon, after: str, every: int | None, ready: threading.Barrier) -> list[str]:
    """The first words of all subjects, in order; a new connection after every so many."""
    watcher = Watcher(daemon.socket, after)
    ready.wait(60)
    seen: list[str] = []
    try:
        while len(seen) < SENDERS * EACH:
            seen.append(watcher.events("received", 1)[0]["subject"].split()[0])
            if every is not None and len(seen) % every == 0:
                watcher.close()
                watcher = Watcher(daemon.socket, watcher.cursor)
                assert watcher.hello["type"] == "hello"
    finally:
        watcher.close()
    return seen


def stalled(daemon, after: str) -> socket.socket:
    """A client that asks and takes nothing."""
    made = socket.socket(socket.AF_UNIX)
    made.connect(str(daemon.socket))
    made.sendall(codec.encode_request(Watch(after)))
    return made


def test_everybody_sees_everything_once_and_who_stalls_is_dropped(tmp_path):
    with Daemon(tmp_path) as daemon:
        with Watcher(daemon.socket) as first:
            start = first.cursor
        ready = threading.Barrier(WATCHERS + 1)
        with stalled(daemon, start), ThreadPoolExecutor(WATCHERS + SENDERS) as pool:
            pace = itertools.cycle((None, 100, 7, 31))
            watching = [pool.submit(watch, daemon, start, next(pace), ready) for _ in range(WATCHERS)]
            ready.wait(60)
            sending = [pool.submit(send, daemon, name) for name in range(SENDERS)]
            for sender in sending:
                sender.result(120)
            seen = [watcher.result(120) for watcher in watching]
            daemon.wait_log("event=stream-stalled ", limits.STREAM_STALL_S * 3)
            TALLY.fault("a watcher that reads nothing")
        assert set(seen[0]) == {f"{name}-{number}" for name in range(SENDERS) for number in range(EACH)}
        assert len(seen[0]) == SENDERS * EACH
        assert all(one == seen[0] for one in seen)


def test_nothing_is_missed_or_repeated_across_kill_9(tmp_path):
    daemon = Daemon(tmp_path)
    try:
        daemon.start()
        with Watcher(daemon.socket) as first:
            cursor = first.cursor
        seen: list[str] = []
        for turn in range(4):
            with Watcher(daemon.socket, cursor) as watcher:
                for number in range(10):
                    daemon.send(mail(f"{turn}-{number}"))
                seen += [told["subject"] for told in watcher.events("received", 5)]
                cursor = watcher.cursor
            daemon.stop(signal.SIGKILL)
            TALLY.fault("kill -9 between events")
            daemon.start()
        with Watcher(daemon.socket, cursor) as watcher:
            seen += [told["subject"] for told in watcher.events("received", 40 - len(seen))]
        sent = [f"{turn}-{number}" for turn in range(4) for number in range(10)]
        TALLY.account(dict.fromkeys(sent, PROMISED), Counter(seen))
        assert seen == sent
    finally:
        daemon.stop()
        daemon.close()
