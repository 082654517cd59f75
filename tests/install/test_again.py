"""Run again over what is installed: the same, an older, a newer one, a broken one, one of somebody else."""

import pytest

QUESTION = "AIMX is already installed. Re-run setup to (re)configure it? [y/N] "


def test_the_same_release_and_nobody_to_ask_changes_nothing(box):
    box.publish("9.9.1")
    before = box.installed("9.9.1", shell="# another build")
    run = box.run()
    assert run.status == 0, run.text
    assert "AIMX 9.9.1 is installed already: nothing to do" in run.text
    assert box.program.read_bytes() == before
    assert (box.log, box.left()) == ("", [])
    assert box.server.asked == ["/latest.json"]


@pytest.mark.parametrize("piped", [False, True], ids=["file", "pipe"])
@pytest.mark.parametrize("answer", ["y", "Y", "yes", "YES", "Yes"])
def test_yes_goes_to_setup_and_downloads_nothing(box, answer, piped):
    box.publish("9.9.1")
    before = box.installed("9.9.1", shell="# another build")
    run = box.type(f"{answer}\n", piped=piped)
    assert run.status == 0, run.text
    assert QUESTION in run.text
    assert "argv: setup\n" in box.log
    assert "stdin: terminal\n" in box.log
    assert box.program.read_bytes() == before
    assert box.server.asked == ["/latest.json"]
    assert box.left() == []


@pytest.mark.parametrize("answer", ["n\n", "\n", "yess\n", "\x04"], ids=["n", "enter", "other", "end"])
def test_anything_else_changes_nothing(box, answer):
    box.publish("9.9.1")
    box.installed("9.9.1")
    run = box.type(answer)
    assert run.status == 0, run.text
    assert "Nothing was changed" in run.text
    assert box.log == ""


def test_nobody_is_asked_who_does_not_want_to_be(box):
    box.publish("9.9.1")
    box.installed("9.9.1")
    box.env["AIMX_NONINTERACTIVE"] = "1"
    run = box.type("", piped=True)
    assert run.status == 0, run.text
    assert QUESTION not in run.text


def test_force_installs_the_same_again_without_a_question(box):
    box.publish("9.9.1")
    old = box.installed("9.9.1", shell="# another build")
    run = box.run("--force")
    assert run.status == 0, run.text
    assert f"argv: upgrade --staged {box.bin}/.aimx.install --program {box.program}" in box.log
    assert f"program: {box.bin}/.aimx.install\n" in box.log
    assert (box.bin / "aimx.prev").read_bytes() == old
    assert box.left() == []


@pytest.mark.parametrize(
    ("installed", "release"),
    [
        ("9.9.0", "9.9.1"), ("9.9.9", "9.9.10"), ("9.9.1-rc.9", "9.9.1-rc.10"), ("9.9.1-rc.1", "9.9.1"),
        ("9.9.1-alpha", "9.9.1-alpha.1"), ("9.9.1-alpha.1", "9.9.1-alpha.beta"), ("9.9.1-beta.2", "9.9.1-beta.11"),
        ("0.1.0-12-gabcdef1-dirty", "0.1.1"), ("9.9.1-2-g0000000", "9.9.1-10-g0000000"),
    ],
)  # fmt: skip
def test_an_older_one_is_upgraded_by_the_new_program_and_not_set_up(box, installed, release):
    box.publish(release)
    box.installed(installed)
    run = box.run()
    assert run.status == 0, run.text
    assert "argv: upgrade --staged" in box.log
    assert "argv: setup" not in box.log
    assert f"Installed is AIMX {installed}, the release is {release}" in run.text
    assert "Upgrade complete. Run 'aimx doctor' for health." in run.text
    assert box.works(release)


@pytest.mark.parametrize(
    ("installed", "release"),
    [
        ("9.9.2", "9.9.1"), ("9.10.0", "9.9.1"), ("9.9.1", "9.9.1-rc.1"), ("9.9.1-rc.10", "9.9.1-rc.9"),
        ("9.9.1-3-gabcdef1", "9.9.1"), ("9.9.1-x", "9.9.1-1"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("flags", [(), ("--force",)], ids=["", "force"])
def test_a_newer_one_stays(box, installed, release, flags):
    box.publish(release)
    before = box.installed(installed)
    run = box.run(*flags)
    assert run.status == 1
    assert f"AIMX {installed} is installed, which is newer than {release}" in run.text
    assert f"sudo {box.program} upgrade --version {release}" in run.text
    assert box.program.read_bytes() == before
    assert (box.log, box.left()) == ("", [])


@pytest.mark.parametrize(
    "program",
    ["", "no program\n", "#!/bin/sh\nexit 1\n", "#!/bin/sh\necho aimx 1.0.0\n", "#!/nowhere\n",
     "#!/bin/sh\necho 'AIMX (AI Mail Exchange) version dev (unknown) x86_64 built unknown'\n"],
    ids=["empty", "text", "fails", "old format", "no interpreter", "no version"],
)  # fmt: skip
def test_one_that_does_not_say_what_it_is_is_replaced(box, program):
    box.publish("9.9.1")
    box.installed("9.9.0")
    box.program.write_text(program)
    run = box.run()
    assert run.status == 0, run.text
    assert "does not say which version it is: it is replaced by 9.9.1" in run.text
    assert box.works("9.9.1")
    assert (box.bin / "aimx.prev").read_text() == program


def test_one_that_cannot_be_run_is_replaced(box):
    box.publish("9.9.1")
    box.installed("9.9.1")
    box.program.chmod(0o644)
    run = box.run()
    assert run.status == 0, run.text
    assert "argv: upgrade" in box.log


def test_openrc_is_a_service_too(box):
    box.publish("9.9.1")
    box.installed("9.9.0")
    (box.units / "aimx.service").unlink()
    (box.openrc / "aimx").write_text(f"#!/sbin/openrc-run\ncommand='{box.program}'\n")
    run = box.run()
    assert run.status == 0, run.text
    assert "argv: upgrade" in box.log


def test_a_failed_upgrade_is_a_failure(box):
    box.publish("9.9.1", ends=1)
    box.installed("9.9.0")
    run = box.run()
    assert run.status == 1
    assert "Upgrade complete" not in run.text
    assert box.left() == []


@pytest.mark.parametrize("flags", [(), ("--force",)], ids=["", "force"])
def test_the_service_of_another_place_is_not_left_behind_unsaid(box, flags):
    box.publish("9.9.1")
    elsewhere = box.make("9.9.0", box.path / "opt" / "aimx")
    (box.units / "aimx.service").write_text(f"[Service]\nExecStart={elsewhere} serve\n")
    run = box.run(*flags)
    assert run.status == (0 if flags else 1), run.text
    assert (
        f"the service aimx runs {elsewhere}, not {box.program}: upgrade that with --to {elsewhere.parent}" in run.text
    ) == (not flags)
    assert box.program.exists() == bool(flags)


def test_a_second_installation_waits_for_nobody(box):
    box.publish("9.9.1")
    box.server.faults["*.tar.gz"] = "stalled"
    box.script.write_text(box.script.read_text().replace("STALL_SECONDS='2'", "STALL_SECONDS='600'"))
    first = box.start()
    try:
        for line in first.stdout:
            if b"Downloading" in line:
                break
        run = box.run()
        assert run.status == 1
        assert f"another installation into {box.bin} is running" in run.text
    finally:
        first.terminate()
        first.wait(60)
        first.stdout.close()
    assert first.returncode == 143
    box.server.faults.clear()
    assert box.run().status == 0
    assert box.left() == []


def test_the_same_program_by_another_path_is_the_same(box):
    box.publish("9.9.1")
    box.installed("9.9.1")
    (box.path / "link").symlink_to(box.bin)
    (box.units / "aimx.service").write_text(f"[Service]\nExecStart={box.path}/link/aimx serve\n")
    run = box.run()
    assert run.status == 0, run.text
    assert "nothing to do" in run.text


@pytest.mark.parametrize("flags", [(), ("--force",)], ids=["", "force"])
def test_a_python_environment_is_left_to_who_made_it(box, flags):
    box.publish("9.9.1")
    theirs = box.make("9.9.0", box.path / "venv" / "bin" / "aimx")
    (box.path / "venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")
    (box.units / "aimx.service").write_text(f"[Service]\nExecStart={theirs} serve\n")
    box.program.symlink_to(theirs)
    run = box.run(*flags)
    assert run.status == 1
    assert f"the service aimx runs {theirs}, of a Python environment" in run.text
    assert box.program.is_symlink()
