"""A damaged state.db: the daemon does not start, says in one line what to do, and that brings it back with all mail."""

import subprocess
import sys

import pytest

from tests.harness import Daemon, mail


@pytest.mark.parametrize(
    "damage",
    [
        lambda octets: octets[:4096] + b"\xff" * 8192 + octets[12288:],
        lambda octets: octets[: len(octets) // 2 + 100],
        lambda octets: b"\0" * 100 + octets[100:],
    ],
    ids=["pages overwritten", "cut short", "no header"],
)
def test_the_error_is_the_way_out_and_costs_no_mail(tmp_path, damage):
    daemon = Daemon(tmp_path)
    with daemon:
        daemon.send(mail("before"))
    path = daemon.data / ".aimx" / "state.db"
    path.write_bytes(damage(path.read_bytes()))
    said = _refused(daemon)
    assert said.startswith(f"Error: {path} cannot be used (")
    subprocess.run(said[said.index(" mv ") :], shell=True, check=True)
    with daemon:
        assert len(daemon.messages()) == 1
        daemon.send(mail("after"))
        assert len(daemon.messages()) == 2


def _refused(daemon: Daemon) -> str:
    """The last line of a daemon that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "aimx.cli.main", "serve", "--bind", "127.0.0.1:0"],
        env=daemon.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if "event=" not in line and "Error: " not in line] == []
    return done.stderr.splitlines()[-1]
