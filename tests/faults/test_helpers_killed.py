"""Helpers killed or stopped at random while mail comes and goes: each promise is kept, and the daemon needs no help."""

import contextlib
import itertools
import os
import random
import signal
import smtplib
import threading
import time

import psutil
import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire.frames import Send
from tests.faults.helpers_stage import Stage, copies, document, message
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN
from tests.hooks.test_pool import until

ROUNDS = int(os.environ.get("AIMX_FAULT_ROUNDS", "12"))
VICTIMS = ("helper", "helper", "helper", "spawner")
SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)


def _comes(stage, promised, refused, stop, seed):
    number = 0
    while not stop.is_set():
        number += 1
        marker = f"{seed}-{number}"
        sender = f"a@{marker}.sender.test"
        try:
            with stage.daemon.smtp() as smtp:
                smtp.sendmail(sender, [f"ops@{DOMAIN}"], message(sender, marker, marker))
            promised.append(marker)
        except smtplib.SMTPException:
            refused.append(marker)


def _goes(stage, answers, stop, seed):
    number = 0
    while not stop.is_set():
        number += 1
        subject = f"{seed}-{number}"
        text = f"From: ops@{DOMAIN}\r\nTo: ok@one.test\r\nSubject: {subject}\r\n\r\nHi\r\n"
        try:
            answer = client.call(stage.daemon.socket, Send(text.encode()))
            answers[subject] = "OK" if answer.kind == "ok" else answer.code
        except AimxError as error:
            answers[subject] = type(error).__name__


def _strike(stage, chance):
    """One helper of the running daemon, or their spawner, if it has them all: without one the daemon ends at last."""
    victim = chance.choice(VICTIMS)
    if victim == "spawner" and not stage.whole():
        victim = "helper"
    try:
        (spawner,) = psutil.Process(stage.daemon.pid).children()
        helpers = sorted(spawner.children(), key=lambda one: one.pid)
        if victim == "spawner":
            target, number = spawner, signal.SIGKILL
        else:
            target, number = chance.choice(helpers), chance.choice(SIGNALS)
        os.kill(target.pid, number)
    except (ValueError, IndexError, ProcessLookupError, psutil.NoSuchProcess):
        return
    TALLY.fault("spawner killed" if victim == "spawner" else "helper killed")


def _left(processes):
    """Those that still run."""
    left = []
    for one in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            left += [one] if one.status() != psutil.STATUS_ZOMBIE else []
    return left


def _all_are_whole(stored):
    for path in itertools.chain(*stored.values()):
        document(path)


@pytest.mark.parametrize("still", ["spawner", "helper"] * max(1, ROUNDS // 40))
def test_helpers_end_with_the_front_alone(stage, still):
    """Even when one stands still; the next daemon finds what was promised, and takes more."""
    sender = "a@before.sender.test"
    with stage.daemon.smtp() as smtp:
        smtp.sendmail(sender, [f"ops@{DOMAIN}"], message(sender, "before", "before"))
    helpers = [*psutil.Process(stage.daemon.pid).children(), *stage.helpers()]
    helpers[0 if still == "spawner" else -1].suspend()
    began = time.monotonic()
    stage.daemon.kill()
    TALLY.fault(f"front killed while a {still} stands still")
    until(lambda: not _left(helpers))
    stage.daemon.start()
    TALLY.recovered(time.monotonic() - began)
    with stage.daemon.smtp() as smtp:
        smtp.sendmail(sender, [f"ops@{DOMAIN}"], message(sender, "after", "after"))
    stored = stage.stored()
    TALLY.account({"before": PROMISED, "after": PROMISED}, copies(stored))
    assert set(stored) == {"before", "after"}
    _all_are_whole(stored)
    until(stage.whole)


@pytest.fixture
def stage(tmp_path):
    """A daemon with mail that comes and goes."""
    stage = Stage(tmp_path)
    with stage.daemon:
        yield stage
    stage.server.close()


def test_nothing_promised_is_lost_with_the_helpers(stage):
    chance = random.Random(20261121)
    promised, refused, answers, stop = [], [], {}, threading.Event()
    threads = [
        *(threading.Thread(target=_comes, args=(stage, promised, refused, stop, f"in{n}")) for n in range(3)),
        *(threading.Thread(target=_goes, args=(stage, answers, stop, f"out{n}")) for n in range(2)),
    ]
    for thread in threads:
        thread.start()
    for _ in range(ROUNDS):
        time.sleep(chance.uniform(0.02, 0.3))  # the moment of the fault, not a wait for anything
        _strike(stage, chance)
    began = time.monotonic()
    stop.set()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    stage.settled(stage.descriptors())
    TALLY.recovered(time.monotonic() - began)
    stored, records, taken = stage.stored(), stage.records(), stage.arrived()
    sent = [subject for subject, answer in answers.items() if answer == "OK"]
    TALLY.account(dict.fromkeys(promised, PROMISED) | dict.fromkeys(refused, REFUSED), copies(stored))
    verdicts = {"OK": PROMISED, "IO": REFUSED, "TEMP": REFUSED}
    TALLY.account({subject: verdicts.get(answer, DOUBTFUL) for subject, answer in answers.items()}, taken)
    assert not set(stored) & {"", *refused}
    _all_are_whole(stored)
    assert promised
    assert sent
    assert taken == dict.fromkeys(sent, 1)
    assert records == dict.fromkeys(sent, "delivered")
    assert set(answers.values()) <= {"OK", "IO", "TEMP"}
