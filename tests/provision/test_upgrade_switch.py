"""One program file in the place of another, with a service on it: done, or everything as it was. More in faults."""

import os

import pytest

from aimx.effects import lock
from aimx.errors import Failed
from aimx.provision.upgrade.switch import StepFailed
from tests import upgrades
from tests.upgrades import NEW, OLD, OLDER, picture, prev, upgrade


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """On OLD, with a service that runs."""
    with upgrades.standing(tmp_path / "m", monkeypatch) as made:
        yield made


def test_it_succeeds(machine):
    prev(machine, True)
    done = upgrade(machine)
    assert (done.current, done.target, done.restarts) == (OLD, NEW, True)
    assert (machine.tag(), machine.tag("aimx.prev"), machine.beside) == (NEW, OLD, {"aimx", "aimx.prev"})
    assert [verb for verb in machine.calls if verb != "reset-failed"] == ["stop", "start"]
    assert machine.active
    assert machine.program.stat().st_mode & 0o7777 == 0o755
    assert done.notes == ()


@pytest.mark.parametrize("how", [{"broken": "not at all"}, {"says": "7.7.7"}], ids=["does not run", "is another"])
def test_a_program_that_is_found_out_before(machine, how):
    prev(machine, True)
    before = picture(machine)
    with pytest.raises(StepFailed) as error:
        upgrade(machine, **how)
    assert (error.value.step, error.value.changed) == ("extract tarball", False)
    assert picture(machine) == before
    assert machine.calls == []


def test_a_service_that_does_not_run_is_not_started(machine):
    machine.systemctl("stop")
    machine.forget()
    done = upgrade(machine)
    assert (machine.tag(), machine.tag("aimx.prev"), machine.active) == (NEW, OLD, False)
    assert machine.calls == []
    assert done.notes == ("The service does not run, and an upgrade does not start it: sudo systemctl start aimx",)


@pytest.mark.parametrize("gone", ["unit", "init"])
def test_no_service(machine, gone):
    machine.systemctl("stop")
    machine.forget()
    if gone == "unit":
        machine.unit.unlink()
    else:
        (machine.tree / "run/systemd/system").rmdir()
    done = upgrade(machine)
    assert machine.tag() == NEW
    assert machine.calls == []
    assert [note.split(":")[0] for note in done.notes] == ["No service runs this program here"]


def test_a_program_that_is_damaged_is_not_kept(machine):
    """What lay there did not run, so that `.prev` of before is the better way back."""
    machine.systemctl("stop")
    prev(machine, True)
    machine.install(OLD, broken="not at all")
    assert upgrade(machine).current == ""
    assert (machine.tag(), machine.tag("aimx.prev")) == (NEW, OLDER)


def test_nothing_to_upgrade(machine):
    machine.program.unlink()
    with pytest.raises(Failed, match="there is no program file to upgrade"):
        upgrade(machine)


def test_two_at_once(machine):
    with (
        lock.sole(machine.tree / "run/aimx-upgrade.lock", "`aimx upgrade`"),
        pytest.raises(Failed, match=rf"another `aimx upgrade` is at work .*process {os.getpid()}"),
    ):
        upgrade(machine)


def test_a_program_that_ends_at_once_is_taken_back_with_its_tree(machine):
    for tag in (OLDER, OLD, NEW):
        (machine.trees / f"{tag}-0123456789abcdef").mkdir(parents=True)
    prev(machine, True)
    before = picture(machine)
    with pytest.raises(StepFailed) as error:
        upgrade(machine, "at once")
    assert (error.value.step, error.value.back_to, error.value.trouble) == ("wait for service ready", OLD, "")
    assert error.value.cause.startswith("it failed (exit-code, exit status 1)\n  the last words of the daemon")
    assert picture(machine) == before
    assert set(os.listdir(machine.trees)) == {f"{OLDER}-0123456789abcdef", f"{OLD}-0123456789abcdef"}
