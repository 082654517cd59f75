"""Helpers that end, hang or lie: what arrives is promised and stored once and whole, what is sent is told by truth."""

import os
import threading
import time

import pytest

from aimx import client, limits
from aimx.errors import AimxError
from aimx.wire.frames import Send
from tests.faults import hostile, lies
from tests.faults.helpers_stage import Stage, copies, message
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN
from tests.hooks.test_pool import until

ROUNDS = int(os.environ.get("AIMX_FAULT_ROUNDS", "12"))
FULL = ROUNDS >= 100
REPEATED = max(1, ROUNDS // 66)
ALWAYS = 250
ATTEMPTS = 2
LARGE = limits.SPILL_OCTETS // 70
HANGING = lies.HANGS | lies.HANGS_IN_A_FRAME


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    """One daemon for all; in the end it holds what it held in the beginning."""
    stage = Stage(tmp_path_factory.mktemp("helpers"))
    with stage.daemon:
        _receive(stage, "first", "first")
        assert _send(stage, "first") == "OK"
        stage.settled(stage.descriptors())
        descriptors = stage.descriptors()
        yield stage
        stage.settled(descriptors + 4)
        _receive(stage, "last", "last")
        assert stage.listed("last").get("examined", True) is True
    stage.server.close()


def _receive(stage, subject, marker, lines=1):
    sender = f"a@{marker}.sender.test"  # nobody has asked for that name before: there are always questions
    with stage.daemon.smtp() as smtp:
        assert smtp.sendmail(sender, [f"ops@{DOMAIN}"], message(sender, subject, marker, lines)) == {}


def _send(stage, subject, to="ok@one.test"):
    text = f"From: ops@{DOMAIN}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\nHi\r\n"
    try:
        answer = client.call(stage.daemon.socket, Send(text.encode()))
    except AimxError:
        return None
    return "OK" if answer.kind == "ok" else answer.code


def _cases(*tables):
    """Once, so that another helper does it; always, so that none can. In the short form every kind has one of them."""
    kinds = [kind for table in tables for kind in table]
    return [
        pytest.param(kind, times, id=f"{kind}-{'always' if times == ALWAYS else 'once'}")
        for number, kind in enumerate(kinds)
        for times in ((1, ALWAYS) if FULL else ((1, ALWAYS)[number % 2],))
    ] * REPEATED


def _verdict(answer):
    """Of a submission."""
    return {"OK": PROMISED, None: DOUBTFUL}.get(answer, REFUSED)


def _counted(stage, who, kind, slot, began):
    how = "ends" if kind in lies.ENDS else "hangs" if kind in HANGING else "lies"
    TALLY.fault(f"{who} {how}", min(stage.happened(slot), ATTEMPTS))  # an answer to each of many rounds is one
    TALLY.recovered(time.monotonic() - began)


def _arrives(stage, kind, times, lines=1):
    """One message at a worker that is told to fail; how often it did, and what was stored."""
    slot = stage.slot()
    marker, began = f"{kind}.{slot}", time.monotonic()
    _receive(stage, f"fault {kind} {slot} {times}", marker, lines)
    _counted(stage, "worker", kind, slot, began)
    TALLY.account({marker: PROMISED}, copies(stage.stored()))
    return stage.happened(slot), stage.listed(marker)


@pytest.mark.parametrize(("kind", "times"), _cases(lies.ENDS, lies.LIES, lies.EXAMINE_LIES))
def test_what_arrives_survives_a_worker_that(stage, kind, times):
    happened, fields = _arrives(stage, kind, times)
    assert happened == min(times, ATTEMPTS)
    assert fields.get("examined", True) is (times == 1)


@pytest.mark.parametrize("kind", list(lies.ODD | lies.EXAMINE_ODD) * REPEATED)
def test_what_a_worker_says_strangely_is_stored_as_mail(stage, kind):
    happened, fields = _arrives(stage, kind, ALWAYS)
    assert happened
    assert fields.get("examined", True) is (kind != "asks-for-ever")


@pytest.mark.parametrize(("kind", "times"), _cases(lies.ENDS))
def test_a_large_message_survives_a_worker_that(stage, kind, times):
    happened, fields = _arrives(stage, kind, times, LARGE)
    assert happened == min(times, ATTEMPTS)
    assert fields.get("examined", True) is (times == 1)


@pytest.mark.parametrize("number", range(REPEATED))
def test_workers_that_begin_badly_are_given_nothing(stage, number):
    bad = len(lies.STARTS) - 1
    stage.begin_badly(bad)
    for kind in ("ends", "ends"):
        _arrives(stage, kind, 1)
    until(lambda: stage.happened(hostile.STARTS) == 0)
    TALLY.fault("worker begins badly", bad)
    until(stage.whole)


def _leaves(stage, kind, times):
    """One submission at a worker that is told to fail: the answer, and what it did."""
    slot = stage.slot()
    subject, began = f"fault {kind} {slot} {times}", time.monotonic()
    answer = _send(stage, subject)
    taken, record = stage.arrived(), stage.records().get(subject)
    _counted(stage, "composing worker", kind, slot, began)
    TALLY.account({subject: _verdict(answer)}, taken)
    assert (taken[subject], record) == ((1, "delivered") if answer == "OK" else (0, None))
    return stage.happened(slot), answer


@pytest.mark.parametrize(("kind", "times"), _cases(lies.ENDS, lies.LIES, lies.COMPOSE_LIES))
def test_what_is_sent_survives_a_worker_that(stage, kind, times):
    happened, answer = _leaves(stage, kind, times)
    assert happened == min(times, ATTEMPTS)
    assert answer == ("OK" if times == 1 else "IO")


@pytest.mark.parametrize("kind", list(lies.ODD | lies.COMPOSE_ODD) * REPEATED)
def test_what_a_worker_says_strangely_is_sent(stage, kind):
    assert _leaves(stage, kind, ALWAYS) == (1, "OK")


@pytest.mark.parametrize("kind", HANGING if FULL else ["stops"])
def test_a_worker_that_hangs_costs_its_time(stage, kind):
    """Side by side: what arrives and what is sent, at workers of which each hangs."""
    plays = [(_arrives, ALWAYS, (ATTEMPTS, False)), (_leaves, 1, (1, "OK"))]
    if FULL:
        plays += [(_arrives, 1, (1, True)), (_leaves, ALWAYS, (ATTEMPTS, "IO"))]
    ended = {}

    def play(number, act, times):
        happened, what = act(stage, kind, times)
        ended[number] = happened, what.get("examined", True) if isinstance(what, dict) else what

    threads = [threading.Thread(target=play, args=(number, act, times)) for number, (act, times, _) in enumerate(plays)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert ended == {number: expected for number, (_, _, expected) in enumerate(plays)}


def _asked(stage, kind, name="ok"):
    """One submission whose MX question is answered so: the answer, and what it is when that is over."""
    slot = stage.slot()
    to, began = f"{name}@{kind}.{slot}.1.fault.test", time.monotonic()
    stage.daemon.dns.zone[f"{kind}.{slot}.1.fault.test"] = {"MX": ["10 mx.test."]}
    subjects = [f"resolver {kind} {slot} {number}" for number in range(2)]
    answers = [_send(stage, subject, to) for subject in subjects]
    assert stage.happened(slot) == 1
    _counted(stage, "resolver", kind, slot, began)
    arrived = stage.arrived()
    TALLY.account(dict(zip(subjects, map(_verdict, answers), strict=True)), arrived)
    assert [arrived[subject] for subject in subjects] == [0, answers[1] == "OK"]
    return answers


@pytest.mark.parametrize("kind", list(lies.ENDS | lies.RESOLVER_LOST) * REPEATED)
def test_a_resolver_that_fails_puts_off_what_is_sent(stage, kind):
    assert _asked(stage, kind) == ["TEMP", "OK"]


@pytest.mark.parametrize("kind", list(lies.RESOLVER_HANGS) if FULL else ["stops"])
def test_a_resolver_that_hangs_costs_its_time(stage, kind):
    assert _asked(stage, kind) == ["TEMP", "OK"]


@pytest.mark.parametrize("kind", list(lies.RESOLVER_WORDS) * REPEATED)
def test_what_a_resolver_makes_up_leads_nowhere(stage, kind):
    assert _asked(stage, kind)[0] == lies.RESOLVER_WORDS[kind][1]
