"""kill -9 at random points: what got 250 is complete on disk, nothing half-written shows, restart needs no help."""

import os
import random
import smtplib
import threading
import time

from tests.faults import shapes
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN, Daemon

ROUNDS = int(os.environ.get("AIMX_FAULT_ROUNDS", "12"))


def _deliver(daemon, tried, told, stop, seed):
    number = 0
    while not stop.is_set():
        number += 1
        marker = f"{seed}-{number}"
        mailboxes = ("ops", "dev") if number % 3 == 0 else ("ops",)
        tried[marker], told[marker] = mailboxes, DOUBTFUL
        try:
            with daemon.smtp() as client:
                rcpts = [f"{mailbox}@{DOMAIN}" for mailbox in mailboxes]
                client.sendmail("a@sender.test", rcpts, shapes.message(marker, number % 2))
                told[marker] = PROMISED
        except smtplib.SMTPResponseException:
            told[marker] = REFUSED if told[marker] == DOUBTFUL else told[marker]
        except ConnectionRefusedError:  # it never left
            del told[marker]
            return
        except (OSError, smtplib.SMTPException):
            return


def _check(daemon, tried, told):
    found = {mailbox: shapes.counted(shapes.stored(daemon, mailbox)) for mailbox in ("ops", "dev")}
    TALLY.account(
        {(marker, mailbox): how for marker, how in told.items() for mailbox in tried[marker]},
        {(marker, mailbox): copies for mailbox in found for marker, copies in found[mailbox].items()},
    )
    for mailbox, markers in found.items():
        assert all(mailbox in tried[marker] for marker in markers)
    both = [marker for marker, mailboxes in tried.items() if len(mailboxes) == 2]
    assert not [marker for marker in both if (marker in found["ops"]) != (marker in found["dev"])]


def test_nothing_promised_is_lost(tmp_path):
    chance = random.Random(20250415)
    daemon = Daemon(tmp_path, shapes.CONFIG)
    tried, told = {}, {}
    for round_number in range(ROUNDS):
        began = time.monotonic()
        daemon.start()
        if round_number:
            TALLY.recovered(time.monotonic() - began)
        stop = threading.Event()
        threads = [
            threading.Thread(target=_deliver, args=(daemon, tried, told, stop, f"{round_number}.{n}")) for n in range(4)
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
        _check(daemon, tried, told)
        shapes.assert_nothing_unfinished(daemon)
    assert PROMISED in told.values()
