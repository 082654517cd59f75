"""Reading that fails: every question has an answer, which is the true one or says so, and the next is as before."""

import json
import os
import signal

import pytest

from aimx import client
from aimx.errors import AimxError
from aimx.wire.frames import EmailList, EmailRead, EmailSearch, MailboxList, MailboxShow, Status, Thread
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import PROMISED, TALLY
from tests.faults.traffic import PATIENCE_S
from tests.harness import DOMAIN, Daemon

pytestmark = NEEDED

MAILS = [f"read.{number}" for number in range(3)]
CALLS = [("pread64", "EIO"), ("read", "EIO"), ("getdents64", "EIO"), ("openat,openat2", "EIO")]
ASKED = ("EMAIL-LIST", "EMAIL-SEARCH", "EMAIL-READ", "THREAD-READ", "MAILBOX-LIST", "MAILBOX-SHOW")
# These are answered from what is in memory already; `test_the_index` begins without that.
NEVER = {
    ("EMAIL-SEARCH", "getdents64"), ("EMAIL-READ", "getdents64"), ("THREAD-READ", "getdents64"),
    ("EMAIL-LIST", "getdents64"), ("MAILBOX-SHOW", "getdents64"), ("EMAIL-LIST", "pread64"),
    ("THREAD-READ", "pread64"), ("MAILBOX-SHOW", "pread64"), ("EMAIL-SEARCH", "pread64"), ("MAILBOX-LIST", "pread64"),
}  # fmt: skip
CASES = [
    (verb, call, error)
    for verb in ASKED
    for call, error in CALLS
    if (verb, call) not in NEVER
    if shapes.FULL
    or (verb, call) in [("EMAIL-LIST", "read"), ("EMAIL-READ", "read"), ("MAILBOX-LIST", "getdents64")]
]  # fmt: skip


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("reading"), shapes.CONFIG) as running:
        for marker in MAILS:
            running.send(shapes.message(marker, 1), f"ops@{DOMAIN}")
        yield running


def _request(daemon, verb):
    (email,) = (path.stem for path in shapes.stored(daemon, "ops")[MAILS[0]])
    return {
        "EMAIL-LIST": EmailList(mailbox="ops", limit=10),
        "EMAIL-SEARCH": EmailSearch("marker", mailbox="ops"),
        "EMAIL-READ": EmailRead("ops", email),
        "THREAD-READ": Thread("ops", email),
        "MAILBOX-LIST": MailboxList(),
        "MAILBOX-SHOW": MailboxShow("ops"),
    }[verb]


def _ask(daemon, request):
    """The response; None when there was none."""
    try:
        return client.call(daemon.socket, request, PATIENCE_S)
    except (AimxError, OSError):
        return None


def _told(daemon, request):
    """The right answer, without what arrives meanwhile elsewhere."""
    answer = json.loads(client.body_of(client.call(daemon.socket, request, PATIENCE_S)))
    return [row for row in answer if row["name"] == "ops"] if isinstance(answer, list) else answer


@pytest.mark.parametrize(("verb", "call", "error"), CASES, ids=["-".join(case) for case in CASES])
def test_a_question(daemon, tmp_path, verb, call, error):
    request = _request(daemon, verb)
    right = _told(daemon, request)
    for k in range(1, 60):
        with inject(daemon.pid, tmp_path / "trace", f"{call}:error={error}:when={k}") as fault:
            answer = _ask(daemon, request)
        if answer is not None and answer.kind == "error":
            assert answer.code in ("TEMP", "IO", "ENOENT"), answer
            assert answer.reason != "internal error", daemon.log[-5:]
        assert _told(daemon, request) == right
        assert not [line for line in daemon.log if "Traceback" in line], daemon.log[-30:]
        if not fault.hit:
            assert k > 1, "nothing was injected"
            break
    else:
        pytest.fail("the call never stopped happening")
    TALLY.account(dict.fromkeys(MAILS, PROMISED), shapes.counted(shapes.stored(daemon, "ops")))


@pytest.mark.parametrize("call", ["read", "openat,openat2", "newfstatat,fstat,statx"])
def test_a_reload(daemon, tmp_path, call):
    """It takes the file as it is, or leaves what is in force."""
    before = _told(daemon, MailboxList())
    for k in range(1, 60) if shapes.FULL else range(1, 4):
        with inject(daemon.pid, tmp_path / "trace", f"{call}:error=EIO:when={k}") as fault:
            os.kill(daemon.pid, signal.SIGHUP)
            daemon.wait_log("event=config-reload")
        assert _told(daemon, MailboxList()) == before
        assert client.call(daemon.socket, Status(), PATIENCE_S).kind == "json"
        daemon.send(shapes.message(f"reload.{call.partition(',')[0]}.{k}", 0), f"dev@{DOMAIN}")
        if not fault.hit:
            break
    assert k > 1, "nothing was injected"
    assert not [line for line in daemon.log if "Traceback" in line], daemon.log[-30:]


def test_the_index(daemon, tmp_path):
    """By a process that has read nothing of it yet."""
    request, hits = EmailSearch("marker", mailbox="ops"), 0
    right = _told(daemon, request)
    for k in range(1, 8 if shapes.FULL else 3):
        daemon.stop()
        daemon.start()
        with inject(daemon.pid, tmp_path / "trace", f"pread64:error=EIO:when={k}") as fault:
            answer = _ask(daemon, request)
        assert answer is None or answer.kind == "json" or answer.code in ("TEMP", "IO"), answer
        assert _told(daemon, request) == right
        hits += fault.hit
    assert hits, "nothing was injected"
    assert not [line for line in daemon.log if "Traceback" in line], daemon.log[-30:]
