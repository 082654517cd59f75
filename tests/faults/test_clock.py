"""The wall clock jumps, stands still and comes back: nothing is overwritten, stuck, sent twice or run twice.

The front's wall clock is libfaketime's; time that is measured (deadlines, pauses) goes on as it does in a real jump. It
gives every name, date and age that the daemon writes. Its spawner, workers, resolver and hooks get an environment of
their own, and have the true time.
"""

import json
import random
import time
import tomllib
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from aimx import client
from aimx.wire.frames import EmailList, MarkRead, MarkUnread, Send, Status
from tests.daemon.watchers import Watcher
from tests.faults import shapes
from tests.faults.tally import PROMISED, TALLY
from tests.faults.traffic import PATIENCE_S, ROUNDS, Traffic, until
from tests.harness import DOMAIN, Daemon, config_text, mail
from tests.hooks.test_pool import rows
from tests.mailauth import signing

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))), None)
pytestmark = pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")

JUMPS = (
    "+1h", "+0", "-1h", "+2s", "-2s", "+1d", "-1d", "+30d", "-8d", "+3y", "-3y", "+0", "+11y", "-25y", "+60y", "+0",
)  # fmt: skip
UNITS_S = {"s": 1, "h": 3600, "d": 86400, "y": 365 * 86400, "0": 1}  # as libfaketime counts them
SECOND = timedelta(seconds=1)  # what is written is cut to whole ones
STILL = ("2031-12-31 23:59:59", "2024-02-29 12:00:00", "1970-01-01 00:00:10")


@pytest.fixture(scope="module")
def clock(tmp_path_factory):
    """Sets the daemon's wall clock: an offset, or a time at which it stands still."""
    path = tmp_path_factory.mktemp("clock") / "clock"

    def turn(text):
        path.with_suffix(".new").write_text(f"{text}\n")
        path.with_suffix(".new").rename(path)

    path.write_text("+0\n")
    turn.path = path
    return turn


def _faked(clock):
    return {"LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(clock.path), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory, clock):
    tree = tmp_path_factory.mktemp("faked")
    (tree / "drop").mkdir(mode=0o777)
    hook = (
        '[[mailboxes.ops.hooks]]\nname = "one"\nevent = "on_receive"\nfire_on_untrusted = true\n'
        f"cmd = ['/bin/sh', '-c', '''echo \"$AIMX_ID\" >> {tree}/ran''']\n"
    )
    (tree / "ran").touch()
    config = shapes.CONFIG.replace("[mailboxes.ops]", "hook_thread_budget = 0\n[mailboxes.ops]") + hook
    made = Daemon(tree, config, AIMX_TEST_MAIL_DROP=str(tree / "drop"), **_faked(clock))
    signing.install(made.etc)
    with made:
        yield made


def _letter(number):
    return mail(f"out {number}", From=f"Ops <ops@{DOMAIN}>", To="a@remote.test")


def _jumps():
    """All of them, as often as there is room."""
    return [JUMPS[number % len(JUMPS)] for number in range(max(8, ROUNDS))]


def test_mail_goes_on_across_jumps(daemon, clock):
    """Each message once on disk, in the list, told to who watches, and to its hook."""
    notes = []
    with Traffic(daemon, "jumps", senders=2) as traffic:
        with Watcher(daemon.socket) as first:
            cursor = first.cursor
        for number, jump in enumerate(_jumps()):
            traffic.more(2)
            clock(jump)
            began = time.monotonic()
            _seen(daemon, jump, f"jump.{number}")
            traffic.recovers(began)
            _everything_else_works(daemon)
            _each_key_still_holds(daemon, notes)
    traffic.account()
    left = Counter(_subject(path.read_bytes()) for path in (daemon.tree / "drop").iterdir())
    TALLY.account({f"out {number}": PROMISED for number in range(len(notes))}, left)
    ids = {path.stem for path in (daemon.data / "inbox/ops").iterdir()}
    _each_hook_ran_once(daemon, ids)
    with Watcher(daemon.socket, cursor) as watcher:
        owed = sum(mailbox == "ops" for _, mailbox in traffic.promised)
        assert watcher.hello["type"] == "hello"
        seen = [
            event["id"]
            for event in watcher.events("received", len(traffic.promised) + len(_jumps()))
            if event["mailbox"] == "ops"
        ]
    assert len(seen) == len(set(seen)) >= owed + len(_jumps())
    assert set(seen) <= ids
    clock("+0")


def _seen(daemon, jump, marker):
    """What arrives now has the date of the jump, in its name and in itself."""
    before = time.time()
    daemon.send(shapes.message(marker, 0))
    found = shapes.stored(daemon, "ops")
    TALLY.fault("clock jumps")
    TALLY.account({marker: PROMISED}, shapes.counted(found))
    (path,) = found[marker]
    told = tomllib.loads(path.read_text().split("+++\n", 2)[1])["received_at"]
    at = told if isinstance(told, datetime) else datetime.fromisoformat(told)
    earliest, latest = (datetime.fromtimestamp(one, at.tzinfo) + _offset(jump) for one in (before, time.time()))
    assert earliest - SECOND <= at <= latest + SECOND, (jump, at)
    assert path.stem.startswith(f"{at:%Y-%m-%d-%H%M%S}")


def _offset(jump):
    return timedelta(seconds=float(jump.rstrip("shdy")) * UNITS_S[jump[-1]])


def _everything_else_works(daemon):
    answer = client.call(daemon.socket, EmailList(mailbox="ops", limit=5), PATIENCE_S)
    row = json.loads(client.body_of(answer))["emails"][0]
    for request in (MarkRead("ops", row["id"]), MarkUnread("ops", row["id"]), Status()):
        assert client.call(daemon.socket, request, PATIENCE_S).kind in ("ok", "json"), request


def _each_key_still_holds(daemon, notes):
    """`notes`: the answers so far, one more each time. The first key, the last one and a new one, twice."""
    new = len(notes)
    for number in (*{0, max(0, new - 1)}, new, new):
        answer = client.call(daemon.socket, Send(_letter(number), idempotency_key=f"key-{number}"), PATIENCE_S)
        assert answer.kind == "ok", answer
        if number == len(notes):
            notes.append(answer.note)
        assert answer.note == notes[number], "sent again"


def _subject(octets):
    return octets.split(b"\nSubject: ")[1].splitlines()[0].decode()


def _names(number):
    """A mail and what it answers."""
    before = f"<{number - 1}@x.test>"
    return {"Message-ID": f"<{number}@x.test>", **({"In-Reply-To": before, "References": before} if number else {})}


@pytest.mark.parametrize("ahead", ["+60y", "+2d"])
def test_a_budget_is_of_a_day_whatever_the_clock_was(tmp_path, clock, ahead):
    hook = (
        '[[mailboxes.ops.hooks]]\nname = "one"\nevent = "on_receive"\nfire_on_untrusted = true\ncmd = ["/bin/true"]\n'
    )
    with Daemon(tmp_path, config_text(hook, "hook_thread_budget = 1"), **_faked(clock)) as daemon:
        for number, (now, last) in enumerate(((ahead, "done"), ("+0", "done"), ("+0", "skipped"), ("+25h", "done"))):
            clock(now)
            daemon.send(mail("in one conversation", **_names(number)))
            TALLY.fault("clock jumps")
            until(lambda: [state for _, state, _ in rows(daemon)][number:] in (["done"], ["skipped"]), "a hook's turn")  # noqa: B023
            assert rows(daemon)[-1][1] == last, rows(daemon)
    clock("+0")


def _each_hook_ran_once(daemon, ids):
    ran = daemon.tree / "ran"
    until(lambda: len(ran.read_text().split()) >= len(ids), f"{len(ids)} runs of a hook")
    assert sorted(ran.read_text().split()) == sorted(ids)


@pytest.mark.parametrize("moment", STILL, ids=["new-year", "leap-day", "the-beginning"])
def test_a_clock_that_stands_still_gives_every_message_its_own_name(daemon, clock, moment):
    before = len(daemon.messages())
    clock(moment)
    number = 5 + random.Random(moment).randrange(5)
    for count in range(number):
        octets = mail("the same", f"number {count}\r\n")
        daemon.send(octets)
    clock("+0")
    found = [path for path in daemon.messages() if "number " in path.read_text()]
    TALLY.fault("clock stands still")
    marks = Counter(f"{moment} {path.read_text().split('number ')[1].split()[0]}" for path in found)
    TALLY.account({f"{moment} {count}": PROMISED for count in range(number)}, marks)
    assert len(daemon.messages()) == before + number
    mine = [path for path in found if path.stem.startswith(moment[:10])]
    assert len(mine) == number
    for path in mine:
        path.unlink()
