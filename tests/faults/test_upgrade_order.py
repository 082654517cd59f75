"""The order of system calls in an exchange of programs: what kill -9 cannot see, for the page cache survives it."""

import re
import subprocess
import sys

import pytest

from tests.faults.strace import NEEDED
from tests.upgrades import Machine

pytestmark = NEEDED

_EXCHANGE = """
import sys
from pathlib import Path
from aimx.provision.upgrade.place import Journal, Place

place = Place(Path(sys.argv[1]))
new = place.stage(lambda file: file.write(b"new"))
journal = Journal("1.0.0", "1.1.0", place.digest(), new, True, True, None)
place.preserve(journal)
place.switch()
if sys.argv[2] == "back":
    place.switch_back()
    place.forget(journal)
else:
    place.confirm(journal)
"""


@pytest.fixture
def exchange(tmp_path):
    """Runs an exchange; its calls, in order, from the first one that matters."""
    machine = Machine(tmp_path / "m")
    machine.install("1.0.0")
    machine.light(machine.program.with_name("aimx.prev"), "0.9.0")

    def run(how):
        trace = tmp_path / "trace"
        calls = "trace=openat,fsync,rename,renameat,renameat2,link,linkat,unlink,unlinkat"
        argv = ["strace", "-y", "-o", trace, "-e", calls, sys.executable, "-c", _EXCHANGE, machine.program, how]
        subprocess.run(argv, check=True)
        lines = [line for line in trace.read_text().splitlines() if " = -1 " not in line]
        return [line for line in lines if str(machine.program.parent) in line]

    return run


def in_order(lines, *patterns):
    """Each of the calls, after the one before it."""
    at = 0
    for pattern in patterns:
        found = next((index for index in range(at, len(lines)) if re.search(pattern, lines[index])), None)
        assert found is not None, (pattern, lines[at:])
        at = found + 1


DIRECTORY = r"fsync\(\d+<[^>]*/usr/local/bin>\)"
BEGIN = (
    r"fsync\(\d+<[^>]*/\.aimx\.new>\)",
    r"fsync\(\d+<[^>]*/\.\.aimx\.upgrade\.part>\)",
    r'rename.*"\.\.aimx\.upgrade\.part".*"\.aimx\.upgrade"',
    DIRECTORY,  # the journal is there before anything else is
    r'link.*"aimx\.prev"',
    r'rename.*"\.aimx\.older"',
    DIRECTORY,  # what was kept aside is there before `.prev` is another
    r'link.*"aimx"',
    r'rename.*"aimx\.prev"',
    DIRECTORY,
    r'rename.*"\.aimx\.new".*"aimx"',
    DIRECTORY,
)


def test_confirmed(exchange):
    lines = exchange("on")
    in_order(lines, *BEGIN, r'unlink.*"\.aimx\.upgrade"', DIRECTORY, r'unlink.*"\.aimx\.older"', DIRECTORY)


def test_taken_back(exchange):
    back = (r'link.*"aimx\.prev"', r'rename.*"aimx"', DIRECTORY, r'rename.*"\.aimx\.older".*"aimx\.prev"', DIRECTORY)
    in_order(exchange("back"), *BEGIN, *back, r'unlink.*"\.aimx\.upgrade"', DIRECTORY)


@pytest.mark.parametrize("how", ["on", "back"])
def test_no_moment_without_a_program(exchange, how):
    """Nothing is ever removed or moved from its place; what comes there comes by a rename over it."""
    for line in exchange(how):
        assert not re.search(r'unlink(at)?\(.*"aimx"', line), line
        assert not re.search(r'rename(at2?)?\([^"]*"aimx",', line), line
