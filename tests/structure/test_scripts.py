"""The scripts that people pipe into a shell: every shell here can read them, and half of one does nothing."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted((ROOT / "install").glob("*.sh"))
SHELLS = {"sh": ["sh"], "dash": ["dash"], "busybox": ["busybox", "sh"], "bash": ["bash", "--posix"]}


def _shells():
    return [pytest.param(argv, id=name) for name, argv in SHELLS.items() if shutil.which(argv[0])]


scripts = pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
shells = pytest.mark.parametrize("shell", _shells())


@scripts
@shells
def test_every_shell_can_read_it(script, shell):
    assert subprocess.run([*shell, "-n", script], capture_output=True, timeout=60, text=True).stderr == ""


@scripts
def test_the_linter_finds_nothing(script):
    linter = Path(sys.executable).with_name("shellcheck")
    if not linter.exists():
        pytest.skip("this environment is older than the linter: pip install -e '.[dev]'")
    done = subprocess.run([linter, "-s", "sh", script], capture_output=True, timeout=120, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@scripts
def test_half_of_it_does_nothing(script, tmp_path):
    """As a connection may end in the middle of `curl | sh`: after every line, and after every octet of the last ones.

    The shell has no program to run but one that leaves a trace, under all the names that the script could call.
    """
    octets = script.read_bytes()
    names = ("uname", "id", "awk", "sed", "mkdir", "od", "curl", "wget", "sudo", "tar", "sh", "tty", "rm", "cat", "cp")
    for name in names:
        (tmp_path / name).write_text(f"#!/bin/sh\n: >>{tmp_path}/trace\n")
        (tmp_path / name).chmod(0o755)
    lines = [index + 1 for index, octet in enumerate(octets) if octet == ord("\n")]
    cuts = {*lines[:-1], *range(len(octets) - 60, len(octets) - 1)}
    opened = octets.index(b"\n{ ") + 2
    shell = shutil.which("dash") or "/bin/sh"
    for cut in sorted(cuts):
        done = subprocess.run(
            [shell, "-s", "--", "--help"],
            input=octets[:cut],
            capture_output=True,
            env={"PATH": str(tmp_path)},
            timeout=60,
        )
        assert done.stdout == b"", cut
        assert (done.returncode != 0) == (cut > opened), cut
    assert not (tmp_path / "trace").exists()
    whole = subprocess.run(
        [shell, "-s", "--", "--help"], input=octets, capture_output=True, env={"PATH": str(tmp_path)}, timeout=60
    )
    assert (tmp_path / "trace").exists(), whole.stderr
