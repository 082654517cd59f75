"""Every step of a delivery fails once, and for good: the answer is 4yz, nothing stays, the next delivery is fine."""

import contextlib
import itertools
import smtplib

import pytest

from aimx import limits
from tests.daemon.watchers import Watcher
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.faults.traffic import settle, until
from tests.harness import DOMAIN, Daemon

pytestmark = NEEDED

FAULTS = [
    ("write", "ENOSPC"), ("write", "EIO"), ("write", "EDQUOT"),
    ("openat", "EMFILE"), ("openat", "ENOSPC"), ("openat2", "EMFILE"), ("openat2", "EIO"),
    ("fsync", "EIO"), ("fsync", "ENOSPC"), ("fsync", "EDQUOT"), ("fdatasync", "EIO"), ("fdatasync", "ENOSPC"),
    ("pwrite64", "ENOSPC"), ("pwrite64", "EIO"),
    ("renameat2", "EIO"), ("renameat2", "ENOSPC"), ("renameat2", "EDQUOT"), ("renameat2", "EACCES"),
    ("mkdir,mkdirat", "ENOSPC"), ("mkdir,mkdirat", "EDQUOT"), ("fchmod", "EIO"), ("fchown", "EIO"),
]  # fmt: skip
NEVER = {("flat", "mkdir,mkdirat"), ("flat", "fchown")}  # calls that a shape has no use for
SYNCS = ("fsync", "fdatasync")  # each of them comes before the 250, and is why it may be said
CASES = [
    (shape, call, error, often)
    for shape in shapes.SHAPES
    for call, error in FAULTS
    for often in ("once", "for good")
    if (shape, call) not in NEVER
    if shapes.FULL
    or (shape, call, often)
    in [
        ("two recipients", "renameat2", "once"),
        ("bundle", "fsync", "for good"),
        ("flat", "pwrite64", "once"),
        ("flat", "fsync", "once"),
    ]
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("errors"), shapes.CONFIG) as running:
        with Watcher(running.socket) as first:
            running.beginning = first.cursor
        running.left = set()  # copies of what was refused that could not be taken back
        running.send(shapes.message("warm", 1), f"ops@{DOMAIN}", f"dev@{DOMAIN}")
        yield running


def deliver(daemon, octets, mailboxes):
    """The reply to the message, or None when the connection broke."""
    try:
        with daemon.smtp() as client:
            client.sendmail("a@sender.test", [f"{mailbox}@{DOMAIN}" for mailbox in mailboxes], octets)
            return 250
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code
    except (smtplib.SMTPException, OSError):
        return None


@pytest.mark.parametrize(("shape", "call", "error", "often"), CASES, ids=["-".join(case) for case in CASES])
def test_a_failing_call(daemon, tmp_path, shape, call, error, often):
    mailboxes, attachments = shapes.SHAPES[shape]
    for k in range(1, 60):
        marker = f"{call}.{error}.{k}.{often}.{shape}".replace(" ", "_").replace(",", "_")
        octets = shapes.message(marker, attachments)
        nth = f"{k}" if often == "once" else f"{k}+"
        with inject(daemon.pid, tmp_path / "trace", f"{call}:error={error}:when={nth}") as fault:
            code = deliver(daemon, octets, mailboxes)
        counts = [shapes.copies(daemon, mailbox, marker) for mailbox in mailboxes]
        waiting = shapes.spooled(daemon)
        settle(daemon)
        _account(daemon, code, marker, mailboxes)
        if code != 250:
            assert code is None or 400 <= code < 500, code
            # With renames or databases that fail for good nothing can be taken back: at most one copy then.
            assert max(counts) == 0 or (often == "for good" and max(counts) == 1), (k, counts)
            assert not waiting or often == "for good"
            _note_left(daemon, mailboxes, marker)
        else:
            # What its owner's quota does not take is promised out of the spool, which is synced by itself.
            assert waiting or not (fault.hit and call in SYNCS), "promised what may be gone after a power cut"
        assert deliver(daemon, shapes.message(f"next.{marker}", 0), mailboxes) == 250
        shapes.assert_nothing_unfinished(daemon)
        if not fault.hit:
            assert code == 250
            assert k > 1, "nothing was injected"
            return
    pytest.fail("the call never stopped happening")


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT"] if shapes.FULL else ["ENOSPC"])
def test_a_message_that_does_not_fit_into_memory_is_not_cut(daemon, tmp_path, error):
    """Its octets go to a file while they come. The write that fails is the first one, then the next, to the last."""
    lines = (b"x" * 70 + b"\r\n") * (5 * limits.SPILL_OCTETS // 2 // 72)
    for k in range(1, 60):
        marker = f"spill.{error}.{k}"
        octets = shapes.message(marker, 0) + lines
        with inject(daemon.pid, tmp_path / "trace", f"write:error={error}:when={k}") as fault:
            code = deliver(daemon, octets, ("ops",))
        found = [path.read_text() for path in shapes.stored(daemon, "ops").get(marker, [])]
        TALLY.account({marker: PROMISED if code == 250 else REFUSED}, {marker: len(found)})
        assert all(text.count("x" * 70 + "\n") == lines.count(b"\n") for text in found), "cut"
        assert code == 250 or (400 <= code < 500 and not found)
        shapes.assert_nothing_unfinished(daemon)
        if not fault.hit:
            assert code == 250
            assert k > 3, "it never went to a file"
            return
    pytest.fail("the call never stopped happening")


REPEATED = ["openat2", "write", "fsync", "pwrite64", "fdatasync", "renameat2"]


@pytest.mark.parametrize("call", REPEATED if shapes.FULL else ["pwrite64"])
def test_a_failing_call_while_one_of_two_copies_is_a_repeat(daemon, tmp_path, call):
    """The peer that vanished delivers again, for one more; what it is told decides whether it comes a third time."""
    for k in range(1, 60):
        marker = f"repeat.{call}.{k}"
        octets = shapes.message(marker, 1)
        _deliver_and_vanish(daemon, octets, "ops")
        with inject(daemon.pid, tmp_path / "trace", f"{call}:error=EIO:when={k}") as fault:
            code = deliver(daemon, octets, ("ops", "dev"))
        if code != 250:
            assert 400 <= code < 500
            assert (shapes.copies(daemon, "ops", marker), shapes.copies(daemon, "dev", marker)) == (1, 0)
            assert deliver(daemon, octets, ("ops", "dev")) == 250
        settle(daemon)
        _account(daemon, 250, marker, ("ops", "dev"))
        shapes.assert_nothing_unfinished(daemon)
        if not fault.hit:
            assert k > 1, "nothing was injected"
            return
    pytest.fail("the call never stopped happening")


def _deliver_and_vanish(daemon, octets, mailbox):
    daemon.log.clear()
    with contextlib.closing(daemon.smtp()) as client:
        client.sendmail("a@sender.test", [f"{mailbox}@{DOMAIN}"], octets)
    until(lambda: any("event=unseen" in line for line in daemon.log), "a peer that was missed")


def _note_left(daemon, mailboxes, marker):
    for mailbox in mailboxes:
        daemon.left |= {(mailbox, path.stem) for path in shapes.stored(daemon, mailbox).get(marker, [])}


def _account(daemon, code, marker, mailboxes):
    """Each copy by itself: what waited in the spool is delivered by now."""
    verdict = PROMISED if code == 250 else DOUBTFUL if code is None else REFUSED
    found = {(marker, mailbox): shapes.copies(daemon, mailbox, marker) for mailbox in mailboxes}
    TALLY.account(dict.fromkeys(found, verdict), found)


def test_every_message_that_is_there_was_told_once_and_no_other(daemon):
    """The events are rows of the same database whose writes failed above, each in one transaction with its message."""
    daemon.send(shapes.message("last", 0))
    there = sorted((mailbox, path.stem) for mailbox in ("ops", "dev") for path in _files(daemon, mailbox))
    (last,) = (path.stem for path in shapes.stored(daemon, "ops")["last"])
    told = []
    with Watcher(daemon.socket, daemon.beginning) as watcher:
        assert watcher.hello["type"] == "hello"
        while ("ops", last) not in told:
            (event,) = watcher.events("received", 1)
            told.append((event["mailbox"], event["id"]))
    assert len(told) == len(set(told))
    assert set(told) <= set(there)
    assert set(there) - set(told) <= daemon.left


def _files(daemon, mailbox):
    return itertools.chain.from_iterable(shapes.stored(daemon, mailbox).values())
