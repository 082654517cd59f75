"""The order of system calls in one delivery: what kill -9 cannot see, because the page cache survives it."""

import re
import shutil

import pytest

from tests.faults import shapes
from tests.harness import DOMAIN, Daemon, mail

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


def test_every_file_of_every_copy_then_its_directory_then_what_names_it(tmp_path):
    daemon, trace = Daemon(tmp_path, shapes.CONFIG), tmp_path / "trace"
    calls = "trace=fsync,fdatasync,renameat2,sendto,write,fchown"
    daemon.wrapper = ["strace", "-f", "-y", "-s", "200", "-o", str(trace), "-e", calls]
    daemon.start()
    daemon.send(shapes.message("order", 2), f"ops@{DOMAIN}", f"dev@{DOMAIN}")
    daemon.stop()
    daemon.close()
    lines = trace.read_text().splitlines()
    staging, wal = f"{daemon.data}/.aimx/staging", f"{daemon.data}/.aimx/state.db-wal"

    def at(pattern, start=0, end=None):
        """Every matching call between two lines."""
        found = [index for index, line in enumerate(lines[:end]) if index >= start and re.search(pattern, line)]
        assert found, f"no call matches {pattern} from line {start} to {end}"
        return found

    def synced(path):
        return rf"f(data)?sync\(\d+<{re.escape(path)}>"

    renames = {
        box: at(rf"renameat2\(\d+<{re.escape(staging)}>, .*<{daemon.data}/inbox/{box}>")[0] for box in ("ops", "dev")
    }
    (answered,) = at(r'"250 2\.0\.0 message accepted')
    assert max(renames.values()) < answered
    for box, renamed in renames.items():
        entry, name = re.findall(r'"([^"]+)"', lines[renamed])
        copy = f"{staging}/{entry}"
        files = [
            at(synced(f"{copy}/{file.name}"), 0, renamed)[-1] for file in (daemon.data / "inbox" / box / name).iterdir()
        ]
        assert len(files) == 3
        given = [index for index, line in enumerate(lines) if f"<{copy}>" in line and "fchown(" in line]
        whole = at(synced(copy), max([*files, *given]), renamed)[-1]
        named = at(synced(staging), whole, renamed)[-1]
        at(synced(wal), named, min(renames.values()))
        there = at(synced(f"{daemon.data}/inbox/{box}"), renamed, answered)[0]
        at(synced(wal), there, answered)
