"""kill -9 at every file system call of one delivery: whole or not at all, and a repeat is no second copy."""

import smtplib
import time

import pytest

from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import DOUBTFUL, PROMISED, REFUSED, TALLY
from tests.harness import DOMAIN, Daemon

pytestmark = NEEDED

CALLS = ["openat", "openat2", "mkdir,mkdirat", "write", "fchmod", "fsync", "pwrite64", "fdatasync", "renameat2"]
CASES = [
    (shape, call)
    for shape in shapes.SHAPES
    for call in CALLS
    if (shape, call) != ("flat", "mkdir,mkdirat")  # a mail without files needs no directory
    if shapes.FULL or (shape, call) in [("bundle", "renameat2"), ("two recipients", "renameat2")]
]


@pytest.mark.parametrize(("shape", "call"), CASES, ids=["-".join(case) for case in CASES])
def test_the_last_call(tmp_path, shape, call):
    mailboxes, attachments = shapes.SHAPES[shape]
    with Daemon(tmp_path, shapes.CONFIG) as daemon:
        for k in range(1, 60):
            daemon.send(shapes.message(f"warm.{k}", 0))
            marker = f"{call.replace(',', '_')}.{k}"
            what = f"{call}:signal=KILL:when={k}"
            if not _end_at(daemon, tmp_path / "trace", what, mailboxes, shapes.message(marker, attachments)):
                assert k > 1, "nothing was injected"
                return
            # Settled but not yet acknowledged: the one moment in which a repeat is not known as one (RFC 1047).
            settled = shapes.copies(daemon, mailboxes[0], marker) == 1 and not _recovered(daemon)
            daemon.send(shapes.message(marker, attachments), *_rcpts(mailboxes))
            copies = {(marker, mailbox, "again"): shapes.copies(daemon, mailbox, marker) for mailbox in mailboxes}
            TALLY.account(dict.fromkeys(copies, PROMISED), {copy: number - settled for copy, number in copies.items()})
    pytest.fail("the call never stopped happening")


def _recovered(daemon):
    return any("event=intent-recovered" in line for line in daemon.log)


def _rcpts(mailboxes):
    return [f"{mailbox}@{DOMAIN}" for mailbox in mailboxes]


def _end_at(daemon, trace, what, mailboxes, octets):
    """Deliver with that call as the last; whether it happened. The daemon runs again afterwards."""
    verdict = DOUBTFUL
    with inject(daemon.pid, trace, what) as fault:
        try:
            daemon.send(octets, *_rcpts(mailboxes))
            verdict = PROMISED
        except smtplib.SMTPResponseException:
            verdict = REFUSED
        except (smtplib.SMTPException, OSError):
            pass
    if fault.hit:
        daemon.kill()
        daemon.log.clear()
        began = time.monotonic()
        daemon.start()
        TALLY.recovered(time.monotonic() - began)
    marker = octets.split(b"marker ")[1].split()[0].decode()
    found = {(marker, mailbox): shapes.copies(daemon, mailbox, marker) for mailbox in mailboxes}
    TALLY.account(dict.fromkeys(found, verdict), found)
    assert len(set(found.values())) == 1, "all recipients or none"
    assert verdict == PROMISED or fault.hit
    shapes.assert_nothing_unfinished(daemon)
    return fault.hit
