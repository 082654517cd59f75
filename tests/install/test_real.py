"""With the new program's own `upgrade` and `release-check`, and with the scripts as the release build writes them."""

import subprocess

import pytest

from install.release import telling
from tests import releases
from tests.install.box import PATIENCE_S, published


@pytest.fixture
def machine(box):
    """No init system, and nobody else's locks."""
    box.mounts.append("mount -t tmpfs none /run")
    box.env["AIMX_RUNTIME_DIR"] = str(box.path / "run")
    return box


def _real(box, tag):
    return releases.program(box.path / "real" / tag, tag, keys=(box.key.public,))


def _installed(box, tag):
    box.installed(tag)
    releases.program(box.program, tag, keys=(box.key.public,))
    return box.program.read_bytes()


def test_the_new_program_takes_the_place_of_the_old_one(machine):
    machine.server.publish("9.9.1", _real(machine, "9.9.1"), machine.key)
    old = _installed(machine, "9.9.0")
    run = machine.run()
    assert run.status == 0, run.text
    assert machine.works("9.9.1")
    assert (machine.bin / "aimx.prev").read_bytes() == old
    assert sorted(path.name for path in machine.bin.iterdir()) == ["aimx", "aimx.prev"]
    assert "Upgrade complete" in run.text
    again = machine.run()
    assert (again.status, "nothing to do" in again.text) == (0, True), again.text


@pytest.mark.parametrize("installed", ["9.9.1", "broken"])
def test_it_is_installed_again(machine, installed):
    machine.server.publish("9.9.1", _real(machine, "9.9.1"), machine.key)
    if installed == "broken":
        _installed(machine, "9.9.1")
        machine.program.write_text("#!/bin/sh\nexit 1\n")
    else:
        _installed(machine, installed)
    run = machine.run("--force")
    assert run.status == 0, run.text
    assert machine.works("9.9.1")
    assert machine.left() == []


@pytest.mark.parametrize("genuine", [True, False])
def test_the_new_program_verifies_the_signature_where_openssl_is_missing(machine, genuine):
    machine.take("openssl")
    directory = machine.server.publish("9.9.1", _real(machine, "9.9.1"), machine.key)
    if not genuine:
        releases.seal(directory, releases.Key())
    old = _installed(machine, "9.9.0")
    run = machine.run()
    assert run.status == (0 if genuine else 1), run.text
    assert ("[ok] The signature is right" in run.text) == genuine
    assert ("is not signed by the key of AIMX" in run.text) == (not genuine)
    assert (machine.program.read_bytes() == old) == (not genuine)
    assert machine.left() == []


@pytest.mark.parametrize("name", ["install.sh", "portcheck.sh"])
def test_the_scripts_of_a_release_differ_in_their_constants_alone(tmp_path, key, name):
    telling.installers(tmp_path, (key.public,), "2.36")
    template = telling.ROOT / "install" / name
    assert (tmp_path / name).read_text() == published(template.read_text(), key if name == "install.sh" else None)
    argv = ["sh", tmp_path / name, "--help"] if name == "install.sh" else ["sh", "-n", tmp_path / name]
    assert subprocess.run(argv, capture_output=True, timeout=PATIENCE_S).returncode == 0
