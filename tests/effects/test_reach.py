"""Whether a user can run a program or enter a directory; nothing is told from behind a closed door."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from aimx.effects import reach
from aimx.effects.accounts import Account

ME, MINE = os.getuid(), os.getgid()
STRANGER = Account("stranger", 54321, 54321, "/", "/bin/sh", (54321,))
MEMBER = Account("member", 54321, 54321, "/", "/bin/sh", (54321, MINE))
OWNER = Account("owner", ME, MINE, "/", "/bin/sh", (MINE,))


@pytest.fixture
def tree():
    """A directory that every user can enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory(prefix="aimx-reach-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


def program(tree, mode, name="program"):
    path = tree / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("mode", "account", "may"),
    [
        (0o755, STRANGER, True), (0o754, STRANGER, False), (0o750, MEMBER, True), (0o701, MEMBER, False),
        (0o100, OWNER, True), (0o011, OWNER, ME == 0), (0o644, STRANGER, False), (0o644, OWNER, False),
    ],
)  # fmt: skip
def test_the_bits_of_the_one_class_that_applies_count(tree, mode, account, may):
    path = program(tree, mode)
    assert reach.program_obstacle(str(path), account) == ("" if may else f"{path} is not executable for {account.name}")


def test_what_is_no_program(tree):
    assert reach.program_obstacle(str(tree), STRANGER) == f"{tree} is no file"
    assert reach.program_obstacle(f"{tree}/missing", STRANGER) == f"{tree}/missing: No such file or directory"
    path = program(tree, 0o755)
    assert reach.program_obstacle(f"{path}/more", STRANGER) == f"{path} is no directory"


def test_directories(tree):
    inner = tree / "inner"
    inner.mkdir(mode=0o700)
    assert reach.directory_obstacle(str(tree), STRANGER) == ""
    assert reach.directory_obstacle(str(inner), OWNER) == ""
    assert reach.directory_obstacle(str(inner), STRANGER) == f"{inner} cannot be entered by stranger"
    path = program(tree, 0o755)
    assert reach.directory_obstacle(str(path), STRANGER) == f"{path} is no directory"


def test_behind_a_closed_door_everything_looks_the_same(tree):
    closed = tree / "closed"
    closed.mkdir(mode=0o700)
    program(closed, 0o755, "there")
    (closed / "link").symlink_to("/etc/passwd")
    (tree / "into").symlink_to("closed/there")
    told = {reach.program_obstacle(f"{closed}/{name}", STRANGER) for name in ("there", "missing", "link", "there/x")}
    told.add(reach.program_obstacle(f"{tree}/into", STRANGER))
    assert told == {f"{closed} cannot be entered by stranger"}


def test_links_are_followed_as_the_kernel_does(tree):
    path = program(tree, 0o755)
    (tree / "relative").symlink_to("./program")
    (tree / "absolute").symlink_to(path)
    (tree / "up").symlink_to(f"../{tree.name}/relative")
    (tree / "loop").symlink_to("loop")
    (tree / "dangling").symlink_to("nowhere")
    for name in ("relative", "absolute", "up", f"../{tree.name}/./up"):
        assert reach.program_obstacle(f"{tree}/{name}", STRANGER) == ""
    assert reach.program_obstacle(f"{tree}/loop", STRANGER) == f"{tree}/loop: too many symbolic links"
    assert reach.program_obstacle(f"{tree}/dangling", STRANGER) == f"{tree}/nowhere: No such file or directory"


@pytest.mark.parametrize(
    ("door", "mode", "raises"),
    [(0o755, 0o4755, True), (0o755, 0o2755, True), (0o755, 0o755, False), (0o700, 0o4755, False)],
)
def test_what_would_raise_privileges(tree, door, mode, raises):
    """Of what is behind a closed door nothing is told."""
    inner = tree / "inner"
    inner.mkdir(mode=door)
    assert reach.without_privileges(str(program(inner, mode)), STRANGER) == raises


def test_a_hook_s_own_dev_has_none_of_the_host_s_files():
    if not os.access("/dev/shm", os.W_OK):
        pytest.skip("no /dev/shm here")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        os.chmod(name, 0o755)
        path = str(program(Path(name), 0o755))
        told = f"{path} is below /dev, of which a hook has its own"
        assert reach.program_obstacle(path, STRANGER, sandboxed=True) == told


LOOK = """
import sys
from aimx.effects import reach
from aimx.effects.accounts import Account
print(reach.program_obstacle(sys.argv[1], Account("root", 0, 0, "/root", "/bin/sh", (0,))))
"""


@pytest.mark.root
def test_what_is_mounted_noexec(tree):
    path = tree / "mounted" / "program"
    path.parent.mkdir()
    mount = f'mount -t tmpfs -o noexec none {path.parent} && cp /bin/true {path} && exec "$@"'
    argv = ["unshare", "--mount", "sh", "-c", mount, "sh", sys.executable, "-c", LOOK, str(path)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr}")
    assert done.stdout == f"{path} is on a file system that is mounted noexec\n"


def test_proc_is_not_looked_into():
    assert reach.program_obstacle("/proc/self/exe", OWNER) == "what is below /proc is not looked into"


def test_root_enters_everything_and_runs_what_anybody_may_run(tree):
    root = Account("root", 0, 0, "/root", "/bin/sh", (0,))
    inner = tree / "inner"
    inner.mkdir(mode=0o000)
    assert reach.directory_obstacle(str(inner), root) == ""
    assert reach.program_obstacle(str(program(tree, 0o010)), root) == ""
    assert "not executable" in reach.program_obstacle(str(program(tree, 0o600, "other")), root)
