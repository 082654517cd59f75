"""Measure the inbound path; prints figures, asserts nothing. CPU time is what to read."""

import smtplib
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

from tests.harness import DOMAIN, Daemon, mail


def _cpu(pid: int) -> float:
    """Seconds of user and system time of a process and all its descendants."""
    root = psutil.Process(pid)
    times = [process.cpu_times() for process in (root, *root.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def _send(port: int, count: int, octets: bytes) -> None:
    client = smtplib.SMTP("127.0.0.1", port, local_hostname="bench.test")
    for _ in range(count):
        client.sendmail("a@sender.test", [f"ops@{DOMAIN}"], octets)
    client.quit()


def inbound(senders: int, size: int, count: int) -> None:
    """Messages per second and CPU per message."""
    octets = mail("bench", "x" * 70 + "\r\n")
    octets += b"lorem ipsum dolor sit amet\r\n" * ((size - len(octets)) // 28)
    with tempfile.TemporaryDirectory() as tree, Daemon(Path(tree)) as daemon:
        _send(daemon.port, 20, octets)
        before, started = _cpu(daemon.pid), time.monotonic()
        threads = [threading.Thread(target=_send, args=(daemon.port, count // senders, octets)) for _ in range(senders)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        wall, cpu = time.monotonic() - started, _cpu(daemon.pid) - before
    print(f"inbound size={size} senders={senders} msg/s={count / wall:.0f} cpu_ms/msg={cpu / count * 1000:.2f}")


if __name__ == "__main__":
    inbound(10, 10_000, int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
