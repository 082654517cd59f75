"""Marking under failing calls: the file is one version or the other, whole, and OK means that it is on disk."""

import re
import shutil

import pytest

from aimx import client
from aimx.errors import DaemonUnavailable, WireError
from aimx.wire.frames import MarkRead, MarkUnread
from tests.faults import shapes
from tests.faults.strace import NEEDED, inject
from tests.faults.tally import PROMISED, TALLY
from tests.harness import DOMAIN, Daemon

pytestmark = NEEDED

BODY = b"\n# kept\n+++\n\nThe text.\n+++\nread = false\n"
UNREAD = b"+++\nread = false" + BODY
FAULTS = [
    ("write", "ENOSPC"), ("write", "EIO"), ("write", "EDQUOT"), ("pread64", "EIO"), ("openat", "EMFILE"),
    ("openat2", "EMFILE"), ("openat2", "EIO"), ("fsync", "EIO"), ("fsync", "ENOSPC"), ("fdatasync", "EIO"),
    ("pwrite64", "ENOSPC"), ("renameat2", "EIO"), ("renameat2", "ENOSPC"), ("renameat2", "EACCES"),
    ("fchmod", "EIO"), ("unlink,unlinkat", "EIO"), ("fstat,newfstatat,statx", "EIO"),
]  # fmt: skip
CASES = [
    (call, error, often)
    for call, error in FAULTS
    for often in ("once", "for good")
    if shapes.FULL or (call, often) in [("renameat2", "once"), ("fsync", "once"), ("write", "for good")]
]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory):
    with Daemon(tmp_path_factory.mktemp("marks"), shapes.CONFIG) as running:
        running.send(shapes.message("warm", 1), f"ops@{DOMAIN}")
        yield running


def mark(daemon, request) -> bool | None:
    """Whether it was answered with OK; None when there was no answer."""
    try:
        return client.call(daemon.socket, request).kind == "ok"
    except (DaemonUnavailable, WireError):
        return None


def is_read(octets: bytes) -> bool:
    """Raises when the file is neither version."""
    if octets == UNREAD:
        return False
    assert re.fullmatch(rb"\+\+\+\nread = true\nread_at = \S+" + re.escape(BODY), octets), octets
    return True


@pytest.mark.parametrize(("call", "error", "often"), CASES, ids=["-".join(case) for case in CASES])
def test_a_failing_call(daemon, tmp_path, call, error, often):
    case = f"{call.replace(',', '-')}-{error}-{often.replace(' ', '-')}"
    path = daemon.data / "inbox/ops" / f"{case}.md"
    for k in range(1, 60):
        path.write_bytes(UNREAD)
        nth = f"{k}" if often == "once" else f"{k}+"
        with inject(daemon.pid, tmp_path / "trace", f"{call}:error={error}:when={nth}") as fault:
            answer = mark(daemon, MarkRead("ops", path.stem))
        marked = is_read(path.read_bytes())
        assert marked or not answer
        assert mark(daemon, MarkUnread("ops", path.stem)) is True
        assert path.read_bytes() == UNREAD
        daemon.send(shapes.message(f"{case}.{k}", 0), f"dev@{DOMAIN}")
        shapes.assert_nothing_unfinished(daemon)
        if not fault.hit:
            assert answer is True
            assert k > 1, "nothing was injected"
            mails = [f"{case}.{number}" for number in range(1, k + 1)]
            TALLY.account(dict.fromkeys(mails, PROMISED), shapes.counted(shapes.stored(daemon, "dev")))
            return
    pytest.fail("the call never stopped happening")


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_the_file_is_synced_before_its_place_is_taken_and_the_place_before_the_answer(tmp_path):
    daemon = Daemon(tmp_path)
    trace = tmp_path / "trace"
    calls = "trace=fsync,fdatasync,renameat2,sendto,write"
    daemon.wrapper = ["strace", "-f", "-y", "-s", "60", "-o", str(trace), "-e", calls]
    with daemon:
        (daemon.data / "inbox/ops/x.md").write_bytes(UNREAD)
        assert mark(daemon, MarkRead("ops", "x"))
    lines = trace.read_text().splitlines()
    staging, inbox = str(daemon.data / ".aimx/staging"), str(daemon.data / "inbox/ops")

    def position(pattern, after=0):
        found = [index for index in range(after, len(lines)) if re.search(pattern, lines[index])]
        assert found, f"no call matches {pattern} after line {after}"
        return found[0]

    written = position(rf"fsync\(\d+<{re.escape(staging)}/[^>]+>")
    exchanged = position(rf"renameat2\(\d+<{re.escape(staging)}>.*RENAME_EXCHANGE", written)
    synced = position(rf"fsync\(\d+<{re.escape(inbox)}>", exchanged)
    logged = position(r"f(data)?sync\(\d+<[^>]*/state\.db-wal>", synced)
    assert position(r'"AIMX/1 OK\\n"', logged) == position(r'"AIMX/1 OK\\n"')
