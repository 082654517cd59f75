"""kill -9 and failing calls at every step of making and wiping a mailbox: it is there whole, or not at all."""

import os
import tomllib
from pathlib import Path

import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire.frames import MailboxCreate, MailboxDelete, Response
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import PROMISED, TALLY
from tests.harness import DOMAIN, Daemon
from tests.hooks.test_pool import events, until

OWNER = "daemon" if os.geteuid() == 0 else shapes.owner()
STEPS = "fsync,fdatasync,renameat2,rename,mkdir,mkdirat,unlink,unlinkat,rmdir,fchown,pwrite64"
MOST = 60  # more than a deletion has


def _answer(daemon: Daemon, request) -> Response | None:
    try:
        return client.call(daemon.socket, request, 60)
    except (AimxError, OSError):
        return None


def _fill(daemon: Daemon) -> set[str]:
    """The mailbox with a flat mail, a bundle and a record; every path of it."""
    made = _answer(daemon, MailboxCreate("box", OWNER))
    assert made is not None, daemon.log[-5:]
    assert made.kind == "ok", (made, daemon.log[-5:])
    if not daemon.messages("box"):
        for attachments in (0, 2):
            daemon.send(shapes.message(f"m{attachments}", attachments), f"box@{DOMAIN}")
        (daemon.data / "sent" / "box" / "record.md").write_text("+++\n+++\n")
    return _tree(daemon)


def _tree(daemon: Daemon) -> set[str]:
    boxes = [daemon.data / folder / "box" for folder in ("inbox", "sent")]
    return {str(path) for box in boxes for path in box.rglob("*")}


def _account(daemon: Daemon) -> None:
    """Its mail was promised, and nobody has been told that it is gone."""
    directory = daemon.data / "inbox/box"
    TALLY.account({"m0": PROMISED, "m2": PROMISED}, shapes.counted(shapes.whole(directory)))


def _deletions(daemon: Daemon) -> int:
    return events(daemon).count("mailbox_deleted")


def _configured(daemon: Daemon) -> bool:
    return "box" in tomllib.loads((daemon.etc / "config.toml").read_text())["mailboxes"]


@NEEDED
def test_a_mailbox_is_wiped_whole_or_not_at_all(tmp_path):
    daemon = Daemon(tmp_path, shapes.CONFIG)
    ends: list[bool] = []
    most = len(shapes.steps(MOST))
    try:
        while len(ends) < most and _hit(daemon, tmp_path / "trace", ends):
            pass
    finally:
        daemon.stop()
        daemon.close()
    assert len(ends) < most
    assert (ends[0], ends[-1]) == (False, True)


def _hit(daemon: Daemon, trace: Path, ends: list[bool]) -> bool:
    """One deletion, and the end of the daemon at its next step. Returns: whether there was such a step."""
    step = shapes.steps(MOST)[len(ends)]
    daemon.start()
    before = _fill(daemon)
    with inject(daemon.pid, trace, f"{STEPS}:signal=KILL:when={step}") as injection:
        answer = _answer(daemon, MailboxDelete("box", force=True))
    daemon.kill()
    daemon.start()
    gone = not _configured(daemon)
    until(lambda: os.listdir(daemon.data / ".aimx/wiped") == [], "erased")
    assert _tree(daemon) == (set() if gone else before), step
    if not gone:
        _account(daemon)
    assert all((daemon.data / folder / "box").is_dir() for folder in ("inbox", "sent"))
    ends.append(gone)
    assert _deletions(daemon) == sum(ends), step
    assert gone or answer is None, step
    daemon.stop()
    return injection.hit


FAULTS = [("fsync", "EIO"), ("renameat2", "EIO"), ("mkdir,mkdirat", "ENOSPC"), ("write", "ENOSPC"),
          ("fchmod", "EIO"), ("openat", "EMFILE"), ("pwrite64", "ENOSPC")]  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("wipe"), shapes.CONFIG) as running:
        yield running


@NEEDED
@pytest.mark.parametrize(("call", "error"), FAULTS, ids=["-".join(fault) for fault in FAULTS])
def test_a_failing_call(daemon, tmp_path, call, error):
    for step in sorted({1, *shapes.steps(MOST)}):
        hits = [_make(daemon, tmp_path, f"{call}:error={error}:when={step}")]
        before = _fill(daemon)
        hits.append(_wipe(daemon, tmp_path, f"{call}:error={error}:when={step}", before))
        if not any(hits):
            assert step > 1, "nothing was injected"
            return
    pytest.fail("never done")


def _make(daemon: Daemon, tree: Path, fault: str) -> bool:
    boxes = [daemon.data / folder / "made" for folder in ("inbox", "sent")]
    with inject(daemon.pid, tree / "trace", fault) as injection:
        answer = _answer(daemon, MailboxCreate("made", OWNER))
    there = [box.is_dir() for box in boxes]
    assert answer is not None
    assert answer.kind == "error" or all(there), fault
    if answer.kind == "error" and "made" not in (daemon.etc / "config.toml").read_text():
        assert not any(there), (fault, answer)
    for request in (MailboxCreate("made", OWNER), MailboxDelete("made")):
        done = _answer(daemon, request)
        assert done is not None
        assert done.kind == "ok", (fault, answer, done, daemon.log[-5:])
    for box in boxes:
        box.rmdir()
    return injection.hit


def _wipe(daemon: Daemon, tree: Path, fault: str, before: set[str]) -> bool:
    with inject(daemon.pid, tree / "trace", fault) as injection:
        answer = _answer(daemon, MailboxDelete("box", force=True))
    assert answer is not None
    gone = not _configured(daemon)
    assert gone or answer.kind == "error", fault
    kept = not gone or answer.kind == "error"
    assert _tree(daemon) == (before if kept else set()), (fault, answer)
    if kept:
        _account(daemon)
    return injection.hit
