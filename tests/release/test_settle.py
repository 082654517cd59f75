"""Trees that a user has no use for any more: which go when another one is unpacked, and which stay."""

import os
import shutil
import subprocess
import time

import pytest

from install.release import settle

OWN, OTHER = "2.0.0-0123456789abcdef", "1.0.0-0123456789abcdef"
DAY_S = 86_400.0


def _tree(base, name, days):
    """Unpacked then, and not started since."""
    tree = base / name
    (tree / "bin").mkdir(parents=True)
    shutil.copy(shutil.which("sleep"), tree / "bin/python3")
    then = time.time() - days * DAY_S
    for path in (tree / "bin/python3", tree):
        os.utime(path, (then, then))
    return tree


CASES = {
    "old": (OTHER, 31, False),
    "young": (OTHER, 29, True),
    "its own": (OWN, 31, True),
    "something else": ("1.0.0-notes", 31, True),
}


@pytest.mark.parametrize(("name", "days", "stays"), CASES.values(), ids=CASES)
def test_what_goes_is_old_and_a_tree(tmp_path, name, days, stays):
    tree = _tree(tmp_path, name, days)
    settle.retire(str(tmp_path), OWN)
    assert tree.exists() == stays
    assert len(list(tmp_path.iterdir())) == stays


def test_what_was_started_lately_stays(tmp_path):
    tree = _tree(tmp_path, OTHER, 31)
    os.utime(tree / "bin/python3", (time.time(), 0))
    settle.retire(str(tmp_path), OWN)
    assert tree.exists()


def test_what_a_process_runs_from_stays(tmp_path):
    tree = _tree(tmp_path, OTHER, 31)
    process = subprocess.Popen([tree / "bin/python3", "600"])
    then = time.time() - 31 * DAY_S
    try:
        os.utime(tree / "bin/python3", (then, then))
        settle.retire(str(tmp_path), OWN)
        assert tree.exists()
    finally:
        process.kill()
        process.wait()
    os.utime(tree / "bin/python3", (then, then))
    settle.retire(str(tmp_path), OWN)
    assert not tree.exists()


def test_no_link_is_followed(tmp_path):
    (tmp_path / "base").mkdir()
    tree = _tree(tmp_path, OTHER, 31)
    (tmp_path / "base" / OTHER).symlink_to(tree)
    settle.retire(str(tmp_path / "base"), OWN)
    assert (tree / "bin/python3").exists()
