"""`aimx uninstall` on a machine whose files are below a directory, with stand-ins for the init system's programs."""

import argparse
import os
import sys

import pytest

from aimx.cli import uninstall
from aimx.effects import lock
from aimx.errors import AnswerNeeded, Failed, Refused

pytestmark = pytest.mark.root

_STAND_IN = """#!/bin/sh
echo "$(basename $0) $*" >>{log}
case " $* " in *" {failing} "*) echo "no ${{0##*/}} today" >&2; exit 1;; *" show "*) echo ActiveState={state};; esac
"""


class Machine:
    """One with a service, before it is uninstalled."""

    def __init__(self, root, monkeypatch, init="systemd"):
        self.root, self.log = root, root / "log"
        place = {"systemd": "etc/systemd/system/aimx.service", "openrc": "etc/init.d/aimx"}[init]
        self.unit = root / place
        for directory in (self.unit.parent, root / "programs", root / "etc/aimx", root / "etc/ssl/aimx", root / "mail"):
            directory.mkdir(parents=True, exist_ok=True)
        (root / {"systemd": "run/systemd/system", "openrc": "run/openrc"}[init]).mkdir(parents=True)
        self.unit.write_text("the service\n")
        (root / "etc/aimx/config.toml").write_text(f'domain = "a.test"\ndata_dir = "{root}/mail"\n')
        monkeypatch.setenv("PATH", str(root / "programs"), prepend=":")
        monkeypatch.setenv("AIMX_CONFIG_DIR", str(root / "etc/aimx"))
        monkeypatch.setenv("AIMX_RUNTIME_DIR", str(root / "run/aimx"))
        self.stand_in()

    def stand_in(self, failing="nothing", state="active"):
        for name in ("systemctl", "rc-service", "rc-update"):
            program = self.root / "programs" / name
            program.write_text(_STAND_IN.format(log=self.log, failing=failing, state=state))
            program.chmod(0o755)

    def uninstall(self, yes=True):
        return uninstall.run(argparse.Namespace(yes=yes, data_dir=None), self.root)

    def told(self):
        lines = self.log.read_text().splitlines()
        self.log.unlink()
        return [line.replace("--no-pager --no-ask-password ", "") for line in lines if " show " not in line]


@pytest.fixture
def machine(tmp_path, monkeypatch):
    return Machine(tmp_path, monkeypatch)


def test_the_service_goes_and_the_rest_stays(machine, capsys):
    assert machine.uninstall() == 0
    assert not machine.unit.exists()
    assert machine.told() == [
        "systemctl stop aimx",
        "systemctl disable aimx",
        "systemctl daemon-reload",
        "systemctl stop aimx-hooks.slice",
        "systemctl reset-failed aimx",
    ]
    said = capsys.readouterr().out
    goes, _, stays = said.partition("Stays:")
    assert f"{machine.unit}  the service" in goes
    for place in ("etc/aimx", "etc/ssl/aimx", "mail"):
        assert f"  {machine.root}/{place}  " in stays
        assert (machine.root / place).is_dir()
    assert "Uninstall complete." in stays
    assert f"sudo rm -rf {machine.root}/etc/aimx {machine.root}/mail" in stays
    assert "uninstall aimx" in stays


def test_under_openrc(tmp_path, monkeypatch):
    machine = Machine(tmp_path, monkeypatch, "openrc")
    assert machine.uninstall() == 0
    assert not machine.unit.exists()
    assert machine.told() == [
        "rc-service aimx status",
        "rc-service aimx stop",
        "rc-update -q -a del aimx",
    ]


def test_a_second_time(machine, capsys):
    machine.uninstall()
    machine.stand_in(state="inactive")
    machine.told()
    assert machine.uninstall() == 0
    assert "Nothing was left to uninstall." in capsys.readouterr().out


def test_nobody_to_ask(machine):
    with pytest.raises(AnswerNeeded, match="--yes"):
        machine.uninstall(yes=False)
    assert machine.unit.exists()


@pytest.mark.parametrize("verb", ["stop", "disable", "daemon-reload"])
def test_what_fails_is_told_and_the_next_run_goes_on(machine, verb):
    machine.stand_in(failing=verb)
    with pytest.raises(Failed, match=f"systemctl {verb}.*: no systemctl today"):
        machine.uninstall()
    machine.stand_in()
    assert machine.uninstall() == 0
    assert not machine.unit.exists()
    assert "systemctl daemon-reload" in machine.told()


def test_drop_ins_of_the_operator_stay(machine, capsys):
    override = machine.unit.with_name("aimx.service.d")
    override.mkdir()
    machine.uninstall()
    assert override.is_dir()
    assert f"{override}  your changes" in capsys.readouterr().out


def test_only_root(machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refused, match="sudo aimx uninstall"):
        machine.uninstall()
    assert machine.unit.exists()


@pytest.fixture
def bundle(machine, monkeypatch):
    """The machine has the one file of the installer, upgraded once, and what both have unpacked."""
    place, trees = machine.root / "usr/local/bin", machine.root / "usr/local/lib/aimx"
    place.mkdir(parents=True)
    for name, tag in (("aimx", "1.1.0"), ("aimx.prev", "1.0.0")):
        (place / name).write_text(f"#!/bin/sh\n_aimx_id={tag}-0123456789abcdef\n")
        (trees / f"{tag}-0123456789abcdef/bin").mkdir(parents=True)
    for name in (".aimx.new", ".aimx.upgrade", "other"):
        (place / name).write_text("")
    monkeypatch.setitem(sys._xoptions, "aimx_bundle", str(place / "aimx"))
    return machine, place, trees


def test_the_program_of_the_installer_goes_too(bundle, capsys):
    machine, place, trees = bundle
    assert machine.uninstall() == 0
    assert [path.name for path in place.iterdir()] == ["other"]
    assert not trees.exists()
    said = capsys.readouterr().out
    goes, _, stays = said.partition("Stays:")
    for path in (place / "aimx", place / "aimx.prev", trees):
        assert f"  {path}  " in goes
    assert f"Removed {place / 'aimx'}." in stays
    assert "To remove the program" not in said
    assert (machine.root / "etc/aimx/config.toml").exists()


def test_trees_of_others_stay(bundle, capsys):
    machine, _, trees = bundle
    (trees / "notes").mkdir()
    assert machine.uninstall() == 0
    assert [path.name for path in trees.iterdir()] == ["notes"]


def test_the_program_goes_without_a_service_too(bundle):
    machine, place, _ = bundle
    machine.unit.unlink()
    machine.stand_in(state="inactive")
    with pytest.raises(AnswerNeeded, match="--yes"):
        machine.uninstall(yes=False)
    assert (place / "aimx").exists()
    assert machine.uninstall() == 0
    assert not (place / "aimx").exists()


def test_not_while_an_upgrade_is_at_work(bundle):
    machine, place, _ = bundle
    with lock.sole(machine.root / "run/aimx-upgrade.lock", "`aimx upgrade`"), pytest.raises(Failed, match="at work"):
        machine.uninstall()
    assert (place / "aimx").exists()
    assert machine.unit.exists()


UNITS = {
    "systemd": ("[Service]\nExecStart={} serve --data-dir /mail\n", '"{}"'),
    "openrc": ("#!/sbin/openrc-run\ncommand={}\ncommand_args=serve\n", "\"'{}'\""),
}


@pytest.fixture(params=UNITS)
def other(request, tmp_path, monkeypatch):
    """The service runs another program than this one."""
    machine = Machine(tmp_path, monkeypatch, request.param)
    line, quotes = UNITS[request.param]
    program = tmp_path / "of others/aimx"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n_aimx_id=2.0.0-0123456789abcdef\n")
    machine.unit.write_text(line.format(quotes.format(program)))
    return machine, program


def test_the_service_of_another_program_stays(other, capsys):
    machine, program = other
    before = machine.unit.read_text()
    with pytest.raises(Refused, match="of others/aimx, another program"):
        machine.uninstall()
    assert machine.unit.read_text() == before
    told = machine.log.read_text() if machine.log.exists() else ""
    assert " stop " not in told and " del " not in told
    goes, _, stays = capsys.readouterr().out.partition("Stays:")
    assert "nothing: the service runs another program" in goes
    assert f"{program}  another program, and the service" in stays


def test_a_second_copy_goes_alone(other, monkeypatch, capsys):
    machine, program = other
    place, trees = machine.root / "copy", machine.root / "usr/local/lib/aimx"
    place.mkdir()
    (place / "aimx").write_text("#!/bin/sh\n_aimx_id=1.1.0-0123456789abcdef\n")
    for tag in ("1.1.0", "2.0.0"):
        (trees / f"{tag}-0123456789abcdef/bin").mkdir(parents=True)
    monkeypatch.setitem(sys._xoptions, "aimx_bundle", str(place / "aimx"))
    assert machine.uninstall() == 0
    assert (machine.unit.exists(), program.exists(), (place / "aimx").exists()) == (True, True, False)
    assert [path.name for path in trees.iterdir()] == ["2.0.0-0123456789abcdef"]
    assert "Removed" in capsys.readouterr().out
