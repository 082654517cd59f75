"""`aimx upgrade` killed, interrupted, or refused by the disk at every change it makes.

At every moment a whole program lies at the path, and the machine comes up with it; the next run ends what was begun.
"""

import fcntl
import os
import signal
import subprocess
import threading
import time
from contextlib import nullcontext

import pytest

from tests import releases
from tests.faults import shapes
from tests.faults.tally import TALLY
from tests.upgrade_runs import Runs
from tests.upgrades import NEW, OLD, PATIENCE_S, Machine, picture, prev

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
KINDS = {"kill": "kill -9 of upgrade", "fail": "a change that fails in upgrade", "interrupt": "a signal to upgrade"}
BOTH = {"aimx", "aimx.prev"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server, and runs that believe its key."""
    key = releases.Key()
    tree = tmp_path_factory.mktemp("world")
    with releases.Server(tree / "releases") as server, Runs(server.manifest, key) as runs:
        yield server, runs, key


class Stand:
    """One machine for all runs of a test: OLD, with OLDER as `.prev`, before each of them. Its service runs."""

    def __init__(self, tree, world, broken=""):
        self.server, self.runs, key = world
        self.machine = Machine(tree / "m")
        self.server.publish(NEW, self.machine.light(tree / "new", NEW, broken), key)
        self.anew()
        self.before = picture(self.machine)

    def anew(self):
        self.machine.guarded()
        self.machine.systemctl("stop")
        for name in self.machine.beside:
            self.machine.program.with_name(name).unlink()
        self.machine.install(OLD)
        prev(self.machine, True)
        self.boots()

    def boots(self):
        """The service starts with whatever lies there, and answers."""
        (self.machine.runtime / "aimx.sock").unlink(missing_ok=True)
        self.machine.systemctl("start")
        for _ in range(3000):
            if (self.machine.runtime / "aimx.sock").is_socket():
                return
            threading.Event().wait(0.02)
        pytest.fail("no daemon")

    def run(self, **more):
        done = self.runs.run(self.machine, **more)
        for fault in KINDS.keys() & more.keys():  # an error of its own is no fault of ours
            if done.code == -signal.SIGKILL if fault == "kill" else done.changes >= more[fault]:
                TALLY.fault(KINDS[fault])
        assert "Traceback" not in done.err
        assert "internal error" not in done.err
        return done

    def rounds(self):
        """The number of each change of an undisturbed run; the machine is as it was before each."""
        changes = self.run().changes
        assert changes > 15
        for number in shapes.steps(changes):
            self.anew()
            yield number

    def whole(self):
        """A program lies at the path, all of it."""
        argv = (self.machine.program, "--version")
        done = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        assert f" version {self.machine.tag()} " in done
        assert self.machine.tag() in (OLD, NEW)


@pytest.fixture
def stand(world, tmp_path):
    made = Stand(tmp_path, world)
    yield made
    made.machine.systemctl("stop")


@pytest.fixture
def broken(world, tmp_path):
    """The new program ends at once."""
    made = Stand(tmp_path, world, "at once")
    yield made
    made.machine.systemctl("stop")


def test_killed(stand):
    """Every other time power is lost too; else the service runs again before anybody comes."""
    for number in stand.rounds():
        lost = bool(number % 2)
        with stand.machine.guards_are("lost") if lost else nullcontext():
            done = stand.run(kill=number)
        assert done.code in (-signal.SIGKILL, 0), (number, done)  # 0: it looked at the service less often
        stand.whole()
        if lost:
            stand.machine.systemctl("stop")
            stand.boots()
        else:
            stand.machine.guarded()
            assert stand.machine.active, (number, (stand.machine.tree / "guard-log").read_text())
            stand.whole()
        again = stand.run()
        assert again.code == 0, (number, again)
        assert (stand.machine.tag(), stand.machine.tag("aimx.prev")) == (NEW, OLD), (number, again)
        assert (stand.machine.beside, stand.machine.active) == (BOTH, True), (number, again)


def test_killed_with_a_program_that_is_not_well(broken):
    for number in broken.rounds():
        broken.run(kill=number)
        broken.whole()
        broken.machine.guarded()
        assert (broken.machine.tag(), broken.machine.active) == (OLD, True), number
        again = broken.run()
        assert again.code == 1, (number, again)
        assert picture(broken.machine) == broken.before, (number, again)


def _idle(machine):
    """Nobody is at work on it."""
    with open(machine.tree / "run/aimx-upgrade.lock", "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("guard", ["unit", "child"])
def test_killed_between_stop_and_start(stand, guard):
    """A unit of systemd's, or a child with a session of its own, ends what was begun."""
    (stand.machine.tree / "kill-at-start").touch()
    with stand.machine.guards_are("refused") if guard == "child" else nullcontext():
        assert stand.run().code == -signal.SIGKILL
    deadline = time.monotonic() + PATIENCE_S
    while not (stand.machine.active and stand.machine.beside == BOTH and _idle(stand.machine)):
        assert time.monotonic() < deadline, (stand.machine.beside, stand.machine.calls)
        threading.Event().wait(0.05)
    assert (stand.machine.tag(), stand.machine.tag("aimx.prev")) == (NEW, OLD)
    stand.machine.guarded()
    assert "is up to date" in stand.run().out


def test_killed_between_stop_and_start_on_a_program_that_is_not_well(broken):
    """Then what ran before runs again."""
    (broken.machine.tree / "kill-at-start").touch()
    assert broken.run().code == -signal.SIGKILL
    broken.machine.guarded()
    assert picture(broken.machine) == broken.before


def test_interrupted(stand):
    """By each of the signals in turn."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in stand.rounds():
        done = stand.run(interrupt=number, signal=int(signals[number % len(signals)]))
        if done.code == 0:  # it had been done
            assert (stand.machine.tag(), stand.machine.tag("aimx.prev")) == (NEW, OLD), (number, done)
            assert (stand.machine.beside, stand.machine.active) == (BOTH, True), (number, done)
        else:
            assert done.code == 130, (number, done)
            assert "Interrupted" in done.err
            assert picture(stand.machine) == stand.before, (number, done)


def test_a_look_after_a_kill(stand):
    """It says what was begun, and leaves it to the next upgrade."""
    with stand.machine.guards_are("lost"):
        stand.run(kill=30)
    before = picture(stand.machine)
    done = stand.runs.run(stand.machine, "--dry-run", tag=OLD)
    assert f"note: An upgrade to {NEW} was interrupted: the next one ends that first." in done.out
    assert picture(stand.machine) == before


def test_a_terminal_that_nobody_needs(stand):
    """`nohup`: what was ignored is ignored."""
    done = stand.run(interrupt=20, signal=int(signal.SIGHUP), ignored=True)
    assert (done.code, stand.machine.tag()) == (0, NEW)


def test_a_disk_that_fails(stand):
    for number in stand.rounds():
        done = stand.run(fail=number)
        if done.code == 0:
            assert (stand.machine.tag(), stand.machine.tag("aimx.prev")) == (NEW, OLD), (number, done)
            assert stand.machine.active
        else:
            assert "Error: " in done.err
            assert stand.machine.tag() == OLD, (number, done)
            assert stand.machine.active
        again = stand.run()
        assert again.code == 0, (number, done, again)
        assert (stand.machine.tag(), stand.machine.tag("aimx.prev")) == (NEW, OLD), (number, done, again)
        assert (stand.machine.beside, stand.machine.active) == (BOTH, True), (number, again)


def test_a_disk_that_fails_on_the_way_back(broken):
    for number in broken.rounds():
        done = broken.run(fail=number)
        assert done.code == 1, (number, done)
        broken.whole()
        again = broken.run()
        assert again.code == 1, (number, done, again)
        assert picture(broken.machine) == broken.before, (number, done, again)


@pytest.mark.parametrize("filling", ["what is fetched", "what is unpacked"])
def test_a_disk_that_is_full(world, tmp_path, filling):
    """The one that the program is on; nothing is left on it."""
    server, runs, key = world
    machine = Machine(tmp_path / "m")
    place = machine.program.parent
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "none", str(place)], check=True)
    try:
        machine.install(OLD)
        new = machine.light(tmp_path / "new", NEW)
        more = os.urandom(1 << 20) if filling == "what is fetched" else bytes(1 << 20)
        new.write_bytes(new.read_bytes() + b"exit 0\n" + more)
        server.publish(NEW, new, key)
        free = os.statvfs(place).f_bfree
        done = runs.run(machine)
        assert done.code == 1
        step = "fetch tarball" if filling == "what is fetched" else "extract tarball"
        assert done.err.splitlines()[-1].startswith(f"Error: {step}: ")
        assert done.err.endswith("No space left on device\n")
        assert (machine.tag(), machine.beside, os.statvfs(place).f_bfree) == (OLD, {"aimx"}, free)
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
