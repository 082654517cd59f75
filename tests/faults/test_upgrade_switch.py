"""Upgrades that fail, are taken back, or were killed and are brought to an end by the next one: the whole matrix."""

import errno
import os
import subprocess
import threading

import pytest

from aimx.provision.upgrade.place import Journal, Place
from aimx.provision.upgrade.switch import StepFailed
from tests import upgrades
from tests.upgrades import NEW, OLD, OLDER, picture, prev, upgrade


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """On OLD, with a service that runs."""
    with upgrades.standing(tmp_path / "m", monkeypatch) as made:
        yield made


@pytest.mark.parametrize("there", [False, True], ids=["first", "later"])
def test_it_succeeds(machine, there):
    prev(machine, there)
    upgrade(machine)
    assert (machine.tag(), machine.tag("aimx.prev"), machine.beside) == (NEW, OLD, {"aimx", "aimx.prev"})


def test_the_way_back_by_hand(machine):
    upgrade(machine)
    machine.systemctl("stop")
    machine.program.with_name("aimx.prev").rename(machine.program)
    machine.systemctl("start")
    assert machine.tag() == OLD
    assert upgrade(machine).target == NEW


# What is wrong with the new program, and what is told of it. `deaf` and `hangs` are given up after a time.
BROKEN = {
    "at once": (60, "it failed (exit-code, exit status 1)\n  the last words of the daemon"),
    "dies": (60, "it failed (exit-code, exit status 1)"),
    "deaf": (15, "it does not greet at 127.0.0.1:"),
    "hangs": (2, "it does not answer on "),
}


@pytest.mark.parametrize("there", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("broken", BROKEN)
def test_a_program_that_is_not_well_is_taken_back(machine, broken, there):
    prev(machine, there)
    before = picture(machine)
    ready_s, told = BROKEN[broken]
    with pytest.raises(StepFailed) as error:
        upgrade(machine, broken, ready_s)
    assert (error.value.step, error.value.back_to, error.value.trouble) == ("wait for service ready", OLD, "")
    assert error.value.cause.startswith(told) or (broken == "dies" and error.value.changed)
    assert picture(machine) == before
    assert [verb for verb in machine.calls if verb != "reset-failed"] == ["stop", "start", "stop", "start"]


def test_a_program_that_serves_as_another_version(machine):
    before = picture(machine)
    with pytest.raises(StepFailed, match=r"wait for service ready: what answers on .* is 7.7.7, process "):
        upgrade(machine, serves="7.7.7")
    assert picture(machine) == before


def test_a_service_that_cannot_be_stopped(machine):
    before = picture(machine)
    (machine.tree / "fail-stop").touch()
    with pytest.raises(StepFailed, match=r"stop service: systemctl stop aimx: .*access denied") as error:
        upgrade(machine)
    assert (error.value.back_to, error.value.trouble) == (OLD, "")
    assert picture(machine) == before


def test_a_way_back_that_fails_too(machine):
    prev(machine, True)
    (machine.tree / "fail-start").touch()
    with pytest.raises(StepFailed) as error:
        upgrade(machine)
    assert error.value.reason.startswith("start service: systemctl start aimx: ")
    assert "; rollback failed at start service: systemctl start aimx: " in error.value.reason
    assert (machine.tag(), machine.tag("aimx.prev")) == (OLD, OLDER)
    # What was stopped and not started again, the next one starts.
    (machine.tree / "fail-start").unlink()
    with pytest.raises(StepFailed, match="extract tarball"):
        upgrade(machine, "not at all")
    assert (machine.tag(), machine.tag("aimx.prev"), machine.beside) == (OLD, OLDER, {"aimx", "aimx.prev"})
    assert machine.active


def appears(machine):
    """The socket of a daemon that has been started."""
    for _ in range(3000):
        if (machine.runtime / "aimx.sock").is_socket():
            return
        threading.Event().wait(0.02)
    pytest.fail("no daemon")


def by_hand(machine, program):
    """A daemon that somebody started, once it answers."""
    process = subprocess.Popen([program, "serve"], stderr=subprocess.DEVNULL)
    appears(machine)
    return process


def test_a_daemon_that_was_started_by_hand(machine):
    machine.systemctl("stop")
    (machine.runtime / "aimx.sock").unlink(missing_ok=True)
    process = by_hand(machine, machine.program)
    try:
        done = upgrade(machine)
        assert f"No service started the `aimx serve` that is process {process.pid}: restart it yourself." in done.notes
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_a_service_on_a_program_that_is_no_file(machine):
    """A virtual environment's, or a checkout's: nothing in its words says which program file it is."""
    machine.systemctl("stop")
    systemctl = machine.tree / "bin/systemctl"
    systemctl.write_text(systemctl.read_text().replace(f"{machine.program} serve", f"{machine.tree / 'other'} serve"))
    other = machine.light(machine.tree / "other", "5.0.0")
    other.write_text(other.read_text().replace('-X aimx_bundle="$self"', ""))
    (machine.runtime / "aimx.sock").unlink(missing_ok=True)
    machine.systemctl("start")
    appears(machine)
    machine.forget()
    done = upgrade(machine)
    assert [note.split(",")[1] for note in done.notes] == [" another program file: it goes on with that."]
    assert (machine.tag(), machine.calls, machine.active) == (NEW, [], True)


def test_a_service_on_another_program(machine, tmp_path):
    """Its own daemon is another program file than the one that is exchanged."""
    other = machine.light(tmp_path / "other/aimx", "5.0.0")
    machine.systemctl("stop")
    (machine.tree / "bin/systemctl").write_text(
        (machine.tree / "bin/systemctl").read_text().replace(f"{machine.program} serve", f"{other} serve")
    )
    (machine.runtime / "aimx.sock").unlink(missing_ok=True)
    machine.systemctl("start")
    appears(machine)
    machine.forget()
    done = upgrade(machine)
    assert done.notes == (f"The service runs {other}, another program file: it goes on with that.",)
    assert (machine.tag(), machine.calls, machine.active) == (NEW, [], True)


def test_the_same_program_again_does_not_cost_the_one_before(machine):
    prev(machine, True)
    machine.install(NEW)
    assert upgrade(machine).current == NEW
    assert (machine.tag(), machine.tag("aimx.prev")) == (NEW, OLDER)


def test_a_disk_without_links(machine, monkeypatch):
    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    prev(machine, True)
    before = picture(machine)
    monkeypatch.setattr(os, "link", link)
    with pytest.raises(StepFailed):
        upgrade(machine, "at once")
    assert picture(machine) == before
    upgrade(machine)
    assert (machine.tag(), machine.tag("aimx.prev"), machine.beside) == (NEW, OLD, {"aimx", "aimx.prev"})


def test_trees_that_no_program_needs_go(machine):
    names = (f"{OLDER}-0123456789abcdef", f"{OLD}-0123456789abcdef", f"{NEW}-0123456789abcdef")
    for name in (*names, "0.1.0-fedcba9876543210", "notes", ".new-fresh"):
        (machine.trees / name / "bin").mkdir(parents=True)
        (machine.trees / name / "bin/python3").write_text("")
    prev(machine, True)
    upgrade(machine)
    kept = {f"{OLD}-0123456789abcdef", f"{NEW}-0123456789abcdef"}
    assert set(os.listdir(machine.trees)) == kept | {"notes", ".new-fresh"}


def journal(machine, place, older):
    """As an upgrade that is under way has it."""
    return Journal(OLD, NEW, place.digest(), place.stage(staged(machine)), older, True, ("127.0.0.1", machine.port))


def staged(machine, broken=""):
    """Writes a program of NEW."""
    program = machine.light(machine.tree / "staged", NEW, broken)
    return lambda file: file.write(program.read_bytes())


def test_a_service_file_that_nobody_changed_is_renewed(machine):
    machine.install(OLD, unit="the service\n")
    done = upgrade(machine, unit="the service, and more\n")
    assert "renew service file" in done.steps
    assert machine.unit.read_text() == "the service, and more\n"
    assert [verb for verb in machine.calls if verb != "reset-failed"] == ["stop", "daemon-reload", "start"]


def test_a_service_file_that_somebody_changed_stays(machine):
    machine.install(OLD, unit="the service\n")
    machine.unit.write_text("the service, my way\n")
    done = upgrade(machine, unit="the service, and more\n")
    assert "renew service file" not in done.steps
    assert machine.unit.read_text() == "the service, my way\n"


@pytest.mark.parametrize("fault", ["at once", "fail-daemon-reload"])
def test_a_service_file_is_taken_back_too(machine, fault):
    machine.install(OLD, unit="the service\n")
    if fault.startswith("fail"):
        (machine.tree / fault).touch()
    with pytest.raises(StepFailed) as error:
        upgrade(machine, "" if fault.startswith("fail") else fault, unit="the service, and more\n")
    assert machine.unit.read_text() == "the service\n"
    assert (machine.tag(), machine.active) == (OLD, True)
    assert bool(error.value.trouble) == fault.startswith("fail")


def test_a_service_file_of_an_upgrade_that_was_killed_is_taken_back(machine):
    machine.install(OLD, unit="the service\n")
    place = Place(machine.program)
    told = journal(machine, place, False)
    place.preserve(Journal(OLD, NEW, told.old, told.new, False, True, told.smtp, ("the service\n", "another\n")))
    place.close()
    machine.unit.write_text("another\n")
    upgrade(machine)
    assert (machine.unit.read_text(), machine.tag()) == ("the service\n", NEW)


@pytest.mark.parametrize("there", [False, True], ids=["first", "later"])
@pytest.mark.parametrize("reached", ["staged", "preserved", "switched"])
def test_an_upgrade_that_was_killed_is_brought_to_an_end(machine, there, reached):
    """Each time the next one does it, and then its own work."""
    prev(machine, there)
    place = Place(machine.program)
    told = journal(machine, place, there)
    if reached != "staged":
        place.preserve(told)
        machine.systemctl("stop")
    if reached == "switched":
        place.switch()
    place.close()
    said = []
    done = upgrade(machine, said=said)
    assert (machine.tag(), machine.active) == (NEW, True)
    assert done.current == (NEW if reached == "switched" else OLD)
    assert (machine.tag("aimx.prev"), machine.beside) == (OLD, {"aimx", "aimx.prev"})
    assert any("was interrupted" in text for text in said) == (reached != "staged")


@pytest.mark.parametrize("there", [False, True], ids=["first", "later"])
def test_an_upgrade_that_was_killed_on_a_program_that_is_not_well_is_taken_back(machine, there):
    prev(machine, there)
    before = picture(machine)
    place = Place(machine.program)
    told = journal(machine, place, there)
    told = Journal(OLD, NEW, told.old, place.stage(staged(machine, "at once")), there, True, told.smtp)
    place.preserve(told)
    machine.systemctl("stop")
    place.switch()
    place.close()
    with pytest.raises(StepFailed) as error:
        upgrade(machine)
    assert (error.value.back_to, error.value.trouble) == (OLD, "")
    assert picture(machine) == before


def test_a_third_program_that_somebody_put_there_after_a_kill(machine):
    prev(machine, True)
    place = Place(machine.program)
    place.preserve(journal(machine, place, True))
    place.close()
    machine.install("3.0.0")
    upgrade(machine)
    assert (machine.tag(), machine.tag("aimx.prev"), machine.beside) == (NEW, "3.0.0", {"aimx", "aimx.prev"})
