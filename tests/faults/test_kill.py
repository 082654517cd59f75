"""kill -9 at random points: what got 250 is complete on disk, nothing half-written shows, restart needs no help."""

import hashlib
import os
import random
import smtplib
import threading
import time
import tomllib

from tests.harness import DOMAIN, Daemon, mail

ROUNDS = int(os.environ.get("AIMX_FAULT_ROUNDS", "12"))


def _deliver(daemon, promised, stop, seed):
    number = 0
    while not stop.is_set():
        number += 1
        marker = f"{seed}-{number}"
        try:
            with daemon.smtp() as client:
                client.sendmail("a@sender.test", [f"ops@{DOMAIN}"], mail(f"m {marker}", _body(marker)))
                promised.append(marker)
        except (OSError, smtplib.SMTPException):
            return


def _body(marker):
    return f"marker {marker}\r\n{hashlib.sha256(marker.encode()).hexdigest()}\r\n"


def _check(daemon, promised):
    stored = {}
    for path in daemon.messages():
        _, head, body = path.read_text().split("+++\n", 2)
        assert tomllib.loads(head)["id"] == path.stem
        marker = body.split()[1]
        assert hashlib.sha256(marker.encode()).hexdigest() in body
        stored.setdefault(marker, []).append(path.name)
    missing = [marker for marker in promised if marker not in stored]
    assert not missing
    assert not any(name.startswith(".") for name in os.listdir(daemon.data / "inbox" / "ops"))


def test_nothing_promised_is_lost(tmp_path):
    chance = random.Random(20250415)
    daemon = Daemon(tmp_path)
    promised = []
    for round_number in range(ROUNDS):
        daemon.start()
        stop = threading.Event()
        threads = [
            threading.Thread(target=_deliver, args=(daemon, promised, stop, f"{round_number}.{n}")) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.02, 0.4))  # the moment of the crash, not a wait for anything
        daemon.kill()
        stop.set()
        for thread in threads:
            thread.join()
    with daemon:
        _check(daemon, promised)
        assert not list((daemon.data / ".aimx" / "staging").iterdir())
    assert promised
