"""`aimx setup` killed, or refused by the disk, at every change it makes; and each program that it starts fails.

Whatever happens, the next run comes to the machine that an undisturbed run makes.
"""

import signal

import pytest

from aimx.config import load
from tests.faults import shapes
from tests.faults.tally import TALLY
from tests.root.setup_host import Machine, runs

pytestmark = pytest.mark.root
DOMAIN, OTHER = "agent.example.test", "other.example.test"
FIRST = (DOMAIN, "--skip-preflight", "--yes", "--trusted-senders", "you@example.test")
MOVE = (OTHER, "--skip-preflight", "--yes")
FAILING = {
    "fail-useradd": "cannot lock /etc/passwd", "fail-daemon-reload": "Failed to daemon-reload unit",
    "fail-enable": "Failed to enable unit", "fail-start": "Failed to start unit", "ends-at-once": "exit-code",
}  # fmt: skip


@pytest.fixture(scope="module")
def setup(tmp_path_factory):
    """Runs of setup; a real daemon is what is ready in the end. DNS is silent, and nobody waits for it."""
    with runs(tmp_path_factory.mktemp("daemon")) as found:
        yield found


@pytest.fixture(scope="module")
def installed(setup, tmp_path_factory):
    """A machine that an undisturbed run has set up, and how many changes that took."""
    machine = Machine(tmp_path_factory.mktemp("machine") / "m")
    done = setup.run(machine, *FIRST)
    assert done.code == 0, done
    return machine, done.changes


@pytest.fixture(scope="module")
def moved(setup, installed, tmp_path_factory):
    """The same after a change of the domain."""
    machine = installed[0].copy(tmp_path_factory.mktemp("moved") / "m")
    done = setup.run(machine, *MOVE)
    assert done.code == 0, done
    return machine, done.changes


def injected(fault, number, done):
    """Count it, if the run came so far: an error of its own is no fault of ours."""
    if done.code == -signal.SIGKILL if fault == "kill" else done.changes >= number:
        TALLY.fault("kill -9 of setup" if fault == "kill" else "a change that fails in setup")


def told(done):
    """What a failure has to look like."""
    assert done.code == 1, done
    assert "Error: " in done.err
    assert "Traceback" not in done.err
    assert "internal error" not in done.err


def config(machine):
    """The configuration, which is whole or not there."""
    return load.load(machine.config, None) if machine.config.exists() else None


@pytest.mark.parametrize("fault", ["kill", "fail"])
def test_a_first_run_that_ends_anywhere(setup, installed, tmp_path, fault):
    whole, changes = installed
    for number in shapes.steps(changes):
        machine = Machine(tmp_path / f"m{number}")
        done = setup.run(machine, *FIRST, **{fault: number})
        injected(fault, number, done)
        config(machine)
        if fault == "fail" and done.code != 0:
            told(done)
            assert config(machine) is None, (number, done)
        again = setup.run(machine, *FIRST)
        assert again.code == 0, (number, done, again)
        assert machine.picture() == whole.picture(), (number, done)


@pytest.mark.parametrize("fault", ["kill", "fail"])
def test_a_change_of_the_domain_that_ends_anywhere(setup, installed, moved, tmp_path, fault):
    whole, changes = moved
    for number in shapes.steps(changes):
        machine = installed[0].copy(tmp_path / f"m{number}")
        done = setup.run(machine, *MOVE, **{fault: number})
        injected(fault, number, done)
        found = config(machine)
        assert found is not None
        assert found.domain in (DOMAIN, OTHER)
        if fault == "fail" and done.code != 0:
            told(done)
            assert found.domain == DOMAIN or "Not undone" in done.err, (number, done)
        again = setup.run(machine, *MOVE)
        assert again.code == 0, (number, done, again)
        assert without_temporaries(machine.picture()) == whole.picture(), (number, done)


def without_temporaries(picture):
    """What is left of an edit that was killed goes with the next edit."""
    return {name: value for name, value in picture.items() if "/.config.toml." not in name}


@pytest.mark.parametrize("fault", FAILING)
def test_a_program_that_fails_is_told_undone_and_repaired(setup, installed, tmp_path, fault):
    machine = Machine(tmp_path / "m")
    (machine.tree / fault).touch()

    done = setup.run(machine, *FIRST)
    assert done.code == 1
    assert FAILING[fault] in done.err
    assert "What stands: the DKIM pair" in done.err
    assert "run `sudo aimx setup` again" in done.err
    picture = machine.picture()
    assert not {"etc/aimx/config.toml", "etc/ssl/aimx/cert.pem", "etc/systemd/system/aimx.service"} & set(picture)
    assert (picture["active"], picture["enabled"]) == (False, False)
    for name in (fault, "failed"):
        (machine.tree / name).unlink(missing_ok=True)
    again = setup.run(machine, *FIRST)
    assert again.code == 0, again
    assert machine.picture() == installed[0].picture()
