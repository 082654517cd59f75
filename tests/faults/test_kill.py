"""kill -9 at random points: what got 250 is complete on disk, nothing half-written shows, restart needs no help."""

import os
import random
import smtplib
import threading
import time

from tests.faults import shapes
from tests.faults.tally import TALLY
from tests.harness import DOMAIN, Daemon

ROUNDS = int(os.environ.get("AIMX_FAULT_ROUNDS", "12"))


def _deliver(daemon, tried, promised, stop, seed):
    number = 0
    while not stop.is_set():
        number += 1
        marker = f"{seed}-{number}"
        mailboxes = ("ops", "dev") if number % 3 == 0 else ("ops",)
        tried[marker] = mailboxes
        try:
            with daemon.smtp() as client:
                rcpts = [f"{mailbox}@{DOMAIN}" for mailbox in mailboxes]
                client.sendmail("a@sender.test", rcpts, shapes.message(marker, number % 2))
                promised.append(marker)
        except (OSError, smtplib.SMTPException):
            return


def _check(daemon, tried, promised):
    found = {mailbox: shapes.stored(daemon, mailbox) for mailbox in ("ops", "dev")}
    copies = [paths for markers in found.values() for paths in markers.values()]
    owed = [(marker, mailbox) for marker in promised for mailbox in tried[marker]]
    TALLY.count(
        promised=len(owed),
        found=sum(marker in found[mailbox] for marker, mailbox in owed),
        lost=sum(marker not in found[mailbox] for marker, mailbox in owed),
        duplicated=sum(len(paths) > 1 for paths in copies),
        refused=len(tried) - len(promised),
    )
    for mailbox, markers in found.items():
        assert not [marker for marker in promised if mailbox in tried[marker] and marker not in markers]
        assert not [marker for marker, paths in markers.items() if len(paths) > 1]
        assert all(mailbox in tried[marker] for marker in markers)
    both = [marker for marker, mailboxes in tried.items() if len(mailboxes) == 2]
    assert not [marker for marker in both if (marker in found["ops"]) != (marker in found["dev"])]


def test_nothing_promised_is_lost(tmp_path):
    chance = random.Random(20250415)
    daemon = Daemon(tmp_path, shapes.CONFIG)
    tried, promised = {}, []
    for round_number in range(ROUNDS):
        began = time.monotonic()
        daemon.start()
        if round_number:
            TALLY.recovered(time.monotonic() - began)
        stop = threading.Event()
        threads = [
            threading.Thread(target=_deliver, args=(daemon, tried, promised, stop, f"{round_number}.{n}"))
            for n in range(4)
        ]
        for thread in threads:
            thread.start()
        time.sleep(chance.uniform(0.02, 0.4))  # the moment of the crash, not a wait for anything
        daemon.kill()
        TALLY.fault("kill -9 at random")
        stop.set()
        for thread in threads:
            thread.join()
    with daemon:
        _check(daemon, tried, promised)
        shapes.assert_nothing_unfinished(daemon)
    assert promised
