"""kill -9 around hooks: every promised run happens at most once, and what did not happen is on record."""

import contextlib
import os
import random
import re
import smtplib
import sqlite3
import time
from collections import Counter

from tests.faults.strace import NEEDED, inject
from tests.faults.tally import DOUBTFUL, PROMISED, TALLY
from tests.faults.traffic import until
from tests.harness import Daemon, config_text, mail

ROUNDS = max(4, int(os.environ.get("AIMX_FAULT_ROUNDS", "12")) // 2)
MAILS = 5


def _hook(name, out):
    script = f'echo "$AIMX_ID {name}" >> {out}'
    return (
        f'[[mailboxes.ops.hooks]]\nname = "{name}"\nevent = "on_receive"\nfire_on_untrusted = true\n'
        f"cmd = ['/bin/sh', '-c', '''{script}''']\n"
    )


def _jobs(daemon):
    db = sqlite3.connect(daemon.data / ".aimx" / "state.db")
    try:
        return db.execute("SELECT email_id, hook, state FROM jobs ORDER BY id").fetchall()
    finally:
        db.close()


def test_every_promised_run_happens_at_most_once_and_none_is_forgotten(tmp_path):
    chance = random.Random(20261121)
    out = tmp_path / "out"
    daemon = Daemon(tmp_path / "t", config_text(_hook("one", out) + _hook("two", out)))
    for round_number in range(ROUNDS):
        daemon.start()
        for number in range(MAILS):
            daemon.send(mail(f"m {round_number} {number}"))
        time.sleep(chance.uniform(0.0, 0.15))  # the moment of the crash, not a wait for anything
        daemon.kill()
        TALLY.fault("kill -9 at random")
    with daemon:
        deadline = time.monotonic() + 60
        while any(state in ("pending", "started") for _, _, state in _jobs(daemon)):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    runs = Counter(tuple(line.split()) for line in out.read_text().splitlines())
    jobs = _jobs(daemon)
    subjects = [f"m {round_number} {number}" for round_number in range(ROUNDS) for number in range(MAILS)]
    found = Counter(re.search('^subject = "(.*)"$', path.read_text(), re.MULTILINE)[1] for path in daemon.messages())
    TALLY.account(dict.fromkeys(subjects, PROMISED), found)
    assert len(jobs) == 2 * MAILS * ROUNDS == 2 * len(daemon.messages())
    assert max(runs.values()) == 1
    for email_id, hook, state in jobs:
        assert state in ("done", "interrupted")
        assert state == "interrupted" or runs[email_id, hook] == 1
    assert not set(runs) - {(email_id, hook) for email_id, hook, _ in jobs}
    assert any(state == "done" for _, _, state in jobs)


@NEEDED
def test_mail_that_a_restart_finishes_has_its_hooks(tmp_path):
    """kill -9 between the promise and what settles it, at the rename: nobody but the intent knows of the runs."""
    out = tmp_path / "out"
    with Daemon(tmp_path / "t", config_text(_hook("one", out) + _hook("two", out))) as daemon:
        daemon.send(mail("warm"))
        until(lambda: [state for _, _, state in _jobs(daemon)] == ["done"] * 2)
        killed = inject(daemon.pid, tmp_path / "trace", "renameat2:signal=KILL:when=1")
        with killed as fault, contextlib.suppress(smtplib.SMTPException, OSError):
            daemon.send(mail("in flight"))
        assert fault.hit
        daemon.kill()
        daemon.start()
        found = [path for path in daemon.messages() if 'subject = "in flight"' in path.read_text()]
        TALLY.account({"in flight": DOUBTFUL}, {"in flight": len(found)})
        (path,) = found
        until(lambda: all(state == "done" for _, _, state in _jobs(daemon)))
        assert [(hook, state) for email_id, hook, state in _jobs(daemon) if email_id == path.stem] == [
            ("one", "done"), ("two", "done"),
        ]  # fmt: skip
    assert sorted(line for line in out.read_text().splitlines() if path.stem in line) == [
        f"{path.stem} one", f"{path.stem} two",
    ]  # fmt: skip
