"""The order of system calls in one delivery: what kill -9 cannot see, because the page cache survives it."""

import re
import shutil

import pytest

from tests.harness import Daemon, mail

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")


def test_files_then_rename_then_directory_then_250(tmp_path):
    daemon = Daemon(tmp_path)
    trace = tmp_path / "trace"
    daemon.wrapper = [
        "strace",
        "-f",
        "-y",
        "-s",
        "200",
        "-o",
        str(trace),
        "-e",
        "trace=fsync,fdatasync,renameat2,sendto,write",
    ]
    daemon.start()
    daemon.send(mail("order"))
    daemon.send(mail("order two", **{"Content-Type": "text/plain"}))
    daemon.stop()
    daemon.close()
    lines = trace.read_text().splitlines()
    staging, inbox = str(daemon.data / ".aimx/staging"), str(daemon.data / "inbox/ops")
    wal = str(daemon.data / ".aimx/state.db-wal")

    def position(pattern, after=0):
        for index in range(after, len(lines)):
            if re.search(pattern, lines[index]):
                return index
        pytest.fail(f"no call matches {pattern} after line {after}")

    file_synced = position(rf"fsync\(\d+<{re.escape(staging)}/[^>]+>")
    staging_synced = position(rf"fsync\(\d+<{re.escape(staging)}>", file_synced)
    promised = position(rf"fsync\(\d+<{re.escape(wal)}>|fdatasync\(\d+<{re.escape(wal)}>", staging_synced)
    renamed = position(rf"renameat2\(\d+<{re.escape(staging)}>.*RENAME_NOREPLACE", promised)
    directory_synced = position(rf"fsync\(\d+<{re.escape(inbox)}>", renamed)
    settled = position(rf"f(data)?sync\(\d+<{re.escape(wal)}>", directory_synced)
    answered = position(r'"250 2\.0\.0 message accepted', settled)
    first_answer = position(r'"250 2\.0\.0 message accepted')
    assert file_synced < staging_synced < promised < renamed < directory_synced < settled < answered
    assert first_answer == answered, "no 250 may leave before the whole sequence"
