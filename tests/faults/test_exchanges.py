"""Mail servers that misbehave at each stage: the caller hears what happened, the record says the same, nobody has two.

A message that may have been taken goes nowhere else; one that was not goes to the server behind, if there is one.
"""

import os
import socket

import pytest
import trio

from tests.faults import exchanges_play
from tests.faults.exchanges_play import AFTERWARDS, BREAKS, REPLIES, SLOW, Case
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY

ROUNDS = int(os.environ.get("AIMX_FAULT_ROUNDS", "12"))
FULL = ROUNDS >= 100
REPEATED = max(1, ROUNDS // 100)
OK, FAILED, DEFERRED, UNKNOWN = ("OK", "delivered"), ("DELIVERY", "failed"), ("TEMP", None), ("DELIVERY", "pending")
# Where the rule below is not all: a server that knows no EHLO is asked by HELO, what fails in TLS is done in clear.
FATES = {
    ("554", "connect"): FAILED,
    ("554", "EHLO"): OK,
    ("554", "MAIL"): FAILED,
    ("554", "RCPT"): FAILED,
    ("554", "DATA"): FAILED,
    ("554", "."): FAILED,
    ("421", "."): DEFERRED,
    ("421-and-closes", "."): DEFERRED,
    ("451", "."): DEFERRED,
}
# Refused for good by one server is not refused by the next, unless it was the recipient or the message.
FINAL = {("554", "RCPT"), ("554", "DATA"), ("554", ".")}


def expected(case):
    """Answer and status of the record."""
    if case.misdeed in AFTERWARDS:
        return OK
    plain = UNKNOWN if case.stage == "." else OK if case.stage == "STARTTLS" else DEFERRED
    fate = FATES.get((case.misdeed, case.stage), plain)
    if case.backup and fate in (DEFERRED, FAILED) and (case.misdeed, case.stage) not in FINAL:
        return OK
    return fate


def _quick():
    acts = {
        Case(misdeed, stage, backup): act
        for misdeed, by_stage in (REPLIES | BREAKS).items()
        for stage, act in by_stage.items()
        for backup in (False, True)
    }
    acts |= {Case(misdeed, ".", backup): act for misdeed, act in AFTERWARDS.items() for backup in (False, True)}
    if FULL:
        return acts
    # Each misdeed at each stage once, with or without a server behind it.
    return {case: act for number, (case, act) in enumerate(acts.items()) if number // 2 % 2 == number % 2}


def _slow():
    stages = exchanges_play.STAGES if FULL else ("connect", "RCPT", ".")
    return {
        Case(misdeed, stage, False): act
        for misdeed, acts in SLOW.items()
        for stage, act in acts.items()
        if stage in stages
    }


def _free_port():
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _check(ended):
    wrong, told, found = {}, {}, {}
    for case, end in ended.items():
        if end.happened:
            TALLY.fault(f"mail server misbehaves {'at' if case.stage == '.' else 'before'} the final dot")
            TALLY.note("times that a mail server misbehaved", end.happened)
        # Whoever has seen the dot and did not refuse may have taken the message, whatever else it did.
        refused = case.stage == "." and (case.misdeed, case.stage) in FATES
        promised = end.answer == "OK"
        unknown = end.record == "pending" or end.answer not in ("OK", "DELIVERY", "TEMP")
        told[case] = PROMISED if promised else DOUBTFUL if unknown else REFUSED
        found[case] = end.backup + (0 if refused else end.dots)
        # Nobody was asked twice: a message whose dot has left went to one server, unless that one refused it.
        asked_once = end.dots + end.backup <= 1 + (promised and refused)
        if (end.answer, end.record) != expected(case) or found[case] != (promised or unknown) or not asked_once:
            wrong[case.name] = end
    TALLY.account(told, found)
    assert all(end.happened for end in ended.values()), [case for case, end in ended.items() if not end.happened]
    assert wrong == {}


@pytest.mark.parametrize("number", range(REPEATED))
def test_at_each_stage(tmp_path, number):
    _check(trio.run(exchanges_play.play, tmp_path, "aimx.cli.main", _quick(), _free_port(), 16))


def test_time_ends_what_has_none(tmp_path):
    """With less patience than the daemon has, of which nothing else depends."""
    _check(trio.run(exchanges_play.play, tmp_path, "tests.faults.impatient", _slow(), _free_port(), 32))
