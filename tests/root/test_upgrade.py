"""`aimx upgrade` as root types it, on machines in directories; real daemons as the service, and mail all the while."""

import contextlib
import json
import os
import smtplib
import subprocess
import threading
from pathlib import Path

import pytest

from aimx.cli import upgrade
from aimx.demo.zone import ZoneServer
from aimx.errors import Refused
from aimx.provision.service import openrc, systemd
from tests import releases, upgrades
from tests.harness import DOMAIN, config_text, mail
from tests.root import users
from tests.upgrade_runs import Runs
from tests.upgrades import NEW, OLD

pytestmark = pytest.mark.root


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server, and runs that believe its key."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    key = releases.Key()
    tree = tmp_path_factory.mktemp("world")
    with releases.Server(tree / "releases") as server, Runs(server.manifest, key) as runs:
        yield server, runs, key


@pytest.fixture
def light(world, tmp_path):
    """A machine on OLD whose service answers, a release of NEW, and runs of the command."""
    server, runs, key = world
    with upgrades.machine(tmp_path / "m") as machine:
        machine.install(OLD)
        machine.systemctl("start")
        server.publish(NEW, machine.light(tmp_path / "new", NEW), key)
        yield machine, runs


def test_what_is_told(light):
    machine, runs = light
    done = runs.run(machine)
    assert (done.code, done.out) == (
        0,
        f"[OK] aimx serve restarted on {NEW}\n[OK] aimx {OLD} → {NEW}. Service restarted.\n",
    )
    assert f"[>] Fetching aimx-{NEW}-" in done.err
    assert runs.run(machine)[:3] == (0, f"[OK] aimx {NEW} is up to date.\n", "")


def test_a_dry_run(light):
    machine, runs = light
    machine.forget()
    before = upgrades.picture(machine)
    done = runs.run(machine, "--dry-run")
    assert done.code == 0
    assert done.out.splitlines() == [
        "aimx upgrade (dry-run)",
        f"  current: {OLD}",
        f"  target: {NEW}",
        f"  tarball: aimx-{NEW}-{releases.short()}.tar.gz (fetched, checksum and signature verified)",
        f"  install path: {machine.program}, the present one kept as aimx.prev",
        "  actions (would run): stop aimx → swap binary → start aimx",
        "No changes were made.",
    ]
    assert (upgrades.picture(machine), machine.calls) == (before, [])
    told = json.loads(runs.run(machine, "--dry-run", "--json").out)
    assert (told["kind"], told["current"], told["target"], told["dry_run"]) == ("upgrade", OLD, NEW, True)


def test_a_downgrade_is_only_done_by_name(light):
    machine, runs = light
    done = runs.run(machine, tag="2.0.0")
    assert (done.code, done.out) == (1, "")
    assert f"the latest release is {NEW}, and this is 2.0.0" in done.err
    machine.install("2.0.0")
    done = runs.run(machine, "--version", f"v{NEW}")
    assert (done.code, machine.tag(), machine.tag("aimx.prev")) == (0, NEW, "2.0.0")
    assert f"{NEW} is older than this 2.0.0: going back, as you asked" in done.err


def test_force(light):
    machine, runs = light
    machine.install(NEW)
    machine.forget()
    assert "up to date" in runs.run(machine).out
    assert machine.calls == []
    done = runs.run(machine, "--force")
    assert done.code == 0
    assert done.out.endswith(f"aimx {NEW} → {NEW}. Service restarted.\n")
    assert machine.calls


def test_a_failure(light, tmp_path, world):
    machine, runs = light
    world[0].publish(NEW, machine.light(tmp_path / "bad", NEW, "at once"), world[2])
    done = runs.run(machine)
    assert (done.code, done.out) == (1, "")
    assert "[FAIL] wait for service ready: it failed (exit-code, exit status 1)\n" in done.err
    assert f"[>] rolled back to {OLD}; check logs with 'aimx logs'\n" in done.err
    assert "Error: wait for service ready: it failed" in done.err


@pytest.mark.parametrize("words", [(), ("--json",)], ids=["text", "json"])
def test_the_exit_code_tells_what_was_done_though_nobody_reads(light, words):
    machine, runs = light
    assert runs.run(machine, *words, unread=True).code == 0
    assert machine.tag() == NEW


@pytest.mark.parametrize(("init", "written"), [("systemd", systemd.unit), ("openrc", openrc.script)])
def test_what_one_version_asks_another(tmp_path, init, written):
    """The service file, exactly as setup of that version writes it."""
    program = releases.program(tmp_path / "aimx", OLD)
    words = ("--program", "/opt/a b/aimx", "--config-dir", "/etc/aimx", "--data-dir", "/srv/mail")
    done = subprocess.run([program, "upgrade", "--service-file", init, *words], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == written(("/opt/a b/aimx",), Path("/etc/aimx"), Path("/srv/mail"))


def test_wrong_words(light):
    machine, runs = light
    done = runs.run(machine, "--version", "latest")
    assert done.code == 2
    assert "invalid value 'latest' for '--version <TAG>'" in done.err
    for words in (("--service-file", "systemd"), ("--staged", str(machine.program), "--dry-run")):
        done = runs.run(machine, *words)
        assert (done.code, "Usage: aimx upgrade" in done.err) == (2, True)


def test_where_releases_are_told_of(light, world):
    """The configuration says it; the environment says it louder; a configuration that is broken stops nobody."""
    machine, runs = light
    config = machine.tree / "etc/aimx/config.toml"
    config.write_text('domain = "a.test"\n[upgrade]\nrelease_manifest_url = "file:///nonexistent/latest.json"\n')
    assert runs.run(machine, "--dry-run").code == 0
    there = Runs("", world[2])
    with there:
        done = there.run(machine)
        assert (done.code, "resolve manifest: file:///nonexistent/latest.json: No such file" in done.err) == (1, True)


def test_only_root(light, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(Refused, match="aimx upgrade requires root"):
        upgrade.run(None)  # type: ignore[arg-type]


class Mailer(threading.Thread):
    """Sends mail without a pause. `taken`: subjects that got a 250; `refused`: replies that end a message for good."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.taken, self.refused, self.ended = port, [], [], threading.Event()

    def run(self):
        number = 0
        while not self.ended.wait(0.02):
            number += 1
            with contextlib.suppress(OSError, smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError):
                try:
                    with smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.test", timeout=60) as client:
                        client.sendmail("a@sender.test", [f"ops@{DOMAIN}"], mail(f"Number {number}"))
                        self.taken.append(f"Number {number}")
                except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
                    self.refused += [repr(error)] if " 5" in repr(error) or "(5" in repr(error) else []


@pytest.fixture
def real(world, tmp_path):
    """The same with real programs: a daemon that stores mail."""
    users.need_worker()
    with upgrades.machine(tmp_path / "m") as machine:
        etc, data = machine.tree / "etc/aimx", machine.tree / "data"
        (etc / "config.toml").write_text(config_text())
        dns = ZoneServer({})
        env = {"AIMX_CONFIG_DIR": str(etc), "AIMX_DATA_DIR": str(data), "AIMX_RUNTIME_DIR": str(machine.runtime),
               "AIMX_TEST_DNS": dns.address}  # fmt: skip
        machine.service(f"--bind 127.0.0.1:{machine.port}", **env)
        releases.program(machine.program, OLD)
        machine.systemctl("start")
        yield machine, data
        dns.close()


@pytest.mark.parametrize("broken", ["", "dies"])
def test_mail_goes_on(real, world, tmp_path, broken):
    """What got a 250 is stored, and nothing was refused for good, whether the upgrade succeeds or not."""
    machine, data = real
    server, runs, key = world
    server.publish(NEW, releases.program(tmp_path / "new", NEW, broken=broken), key)
    mailer = Mailer(machine.port)
    mailer.start()
    until(lambda: len(mailer.taken) > 3)
    done = runs.run(machine, tag=OLD)
    after = len(mailer.taken)
    until(lambda: len(mailer.taken) > after + 3)
    mailer.ended.set()
    mailer.join(60)
    assert done.code == (1 if broken else 0), done
    assert machine.program.read_text().splitlines()[1].endswith(OLD if broken else NEW)
    assert mailer.refused == []
    stored = "".join(path.read_text() for path in (data / "inbox/ops").glob("*.md"))
    assert [subject for subject in mailer.taken if f'"{subject}"' not in stored] == []


def until(condition):
    """Waits for it, long enough for any machine."""
    waiting = threading.Event()
    for _ in range(1200):
        if condition():
            return
        waiting.wait(0.1)
    pytest.fail("it does not come to that")
