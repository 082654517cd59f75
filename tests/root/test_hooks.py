"""Hooks of three real users below a daemon that is root; what its helpers hold, seen from outside."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.harness import DOMAIN, Daemon, mail
from tests.hooks.mails import LATE
from tests.hooks.stage import alive
from tests.hooks.test_pool import until
from tests.root import users

pytestmark = pytest.mark.root
EXTRA_GROUP = "games"


@pytest.fixture(scope="module")
def people():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with users.users("a", "b", "c") as made:
        users.join(made["a"].pw_name, EXTRA_GROUP)
        yield made


def _config(owners, script, extra=""):
    tables = []
    for name, owner in owners.items():
        tables.append(f'[mailboxes.{name}]\naddress = "{name}@{DOMAIN}"\nowner = "{owner}"\n')
        tables.append(
            f'[[mailboxes.{name}.hooks]]\nname = "{name}_hook"\nevent = "on_receive"\nfire_on_untrusted = true\n'
            f"cmd = ['/bin/sh', '-c', '''{script}''']\n{extra.replace('NAME', name)}\n"
        )
    return f'domain = "{DOMAIN}"\n' + "".join(tables)


@pytest.fixture(scope="module")
def place():
    """A directory that every user can enter; pytest's own are closed by every run of it."""
    with tempfile.TemporaryDirectory(prefix="aimx-hooks-") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def daemon(people, place):
    owners = {letter: people[letter].pw_name for letter in people}
    script = 'echo "uid=$(id -u) gid=$(id -g) groups=$(id -G) cwd=$PWD home=$HOME user=$USER" >&2; env >&2'
    script += "; echo reopened > /dev/stderr"
    with Daemon(place / "three", _config(owners, script), ROOTS_SECRET="x") as running:
        yield running


def _status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: text.split() for key, _, text in (line.partition(":") for line in lines)}


@pytest.mark.parametrize("letter", ["a", "b", "c"])
def test_a_hook_is_its_owner(daemon, people, letter):
    user = people[letter]
    daemon.send(mail(), f"{letter}@{DOMAIN}")
    line = daemon.wait_log(f"hook_name={letter}_hook event=on_receive")
    groups = " ".join(map(str, os.getgrouplist(user.pw_name, user.pw_gid)))
    assert f"owner={user.pw_name} " in line
    assert f"uid={user.pw_uid} gid={user.pw_gid} groups={groups} cwd={daemon.data}/inbox/{letter}" in line
    assert f"home={user.pw_dir} user={user.pw_name}" in line
    assert "exit_code=0" in line
    assert "reopened" in line
    for name in ("ROOTS_SECRET", "AIMX_CONFIG_DIR", "AIMX_TEST_DNS", "HOME=/root", "SUDO_", "PYTHON"):
        assert name not in line


def test_one_owner_has_another_group(people):
    assert len(os.getgrouplist(people["a"].pw_name, people["a"].pw_gid)) == 2


def test_helpers_hold_nothing(daemon):
    front = psutil.Process(daemon.pid)
    (spawner,) = front.children()
    helpers = spawner.children()
    assert len(helpers) == len(os.sched_getaffinity(0)) + 1
    networks = []
    for helper in helpers:
        status = _status(helper.pid)
        assert set(status["Uid"]) == {str(users.pwd.getpwnam(users.WORKER).pw_uid)}
        assert "0" not in status["Gid"]
        assert status["Groups"] == []
        for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[name][0], 16) == 0, name
        assert status["NoNewPrivs"] == ["1"]
        assert os.stat(f"/proc/{helper.pid}/mem").st_uid == 0  # not dumpable: root's, not its own
        opened = {fd: os.readlink(f"/proc/{helper.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{helper.pid}/fd")}
        assert {opened.pop(fd) for fd in "012"} == {"/dev/null"}
        assert not any(target.startswith("/") for target in opened.values()), opened
        assert set(helper.environ()) <= {"PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "AIMX_TEST_DNS"}
        networks.append(os.readlink(f"/proc/{helper.pid}/ns/net") != os.readlink(f"/proc/{daemon.pid}/ns/net"))
    assert sorted(networks) == [False, *[True] * (len(helpers) - 1)]


def test_an_idle_front_is_small(daemon):
    assert psutil.Process(daemon.pid).memory_info().rss < 60 * 1024 * 1024


def _runs_below(pid, uid):
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # the hook's own children come and go
            if child.uids().real == uid:
                return True
    return False


def test_an_owner_that_is_gone_is_skipped_with_a_warning(place):
    with users.users("z") as made:
        owner = made["z"].pw_name
        text = _config({"z": owner}, "while :; do sleep 0.02; done", AFTER)
        daemon = Daemon(place / "gone", text)
        daemon.start()
        daemon.send(mail(), f"z@{DOMAIN}")
        until(lambda: _runs_below(daemon.pid, made["z"].pw_uid), "the hook does not run")
        assert daemon.stop() == 0
    with daemon:
        line = daemon.wait_log("event=hook-skipped hook_name=z_after")
        assert line.startswith("level=warn")
        assert "reason=owner-not-found" in line


AFTER = """[[mailboxes.NAME.hooks]]
name = "NAME_after"
event = "on_receive"
cmd = ["/bin/true"]
fire_on_untrusted = true
"""

_UNABLE = """
import sys
import msgspec, trio
from aimx.daemon import helpers
from aimx.effects.accounts import Accounts
from aimx.flows import fire
from tests.hooks.stage import stage, task

async def play():
    async with stage() as here:
        account = Accounts(as_root=True).find(sys.argv[1])
        run = await fire.fire(here.fx, task("/usr/bin/touch", sys.argv[2], account=account), 0)
        print(run.reason, run.exit_code, run.stderr_tail)
        try:
            await helpers.start(here.spawner, helpers.Kind("worker"))
        except helpers.Unverified as problem:
            print("refused", problem)

trio.run(play)
"""


@pytest.mark.parametrize("missing", ["setuid", "setgid"])
def test_without_the_right_to_drop_nothing_runs(people, tmp_path, missing):
    mark = tmp_path / "mark"
    argv = ["setpriv", f"--bounding-set=-{missing}", sys.executable, "-c", _UNABLE, people["a"].pw_name, str(mark)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[0] == "spawn-failed -1 spawn-failed: identity: Operation not permitted"
    assert done.stdout.splitlines()[1].startswith("refused worker: PermissionError")
    assert not mark.exists()


# The program in a place that only root can enter

_DEVELOPMENT = ("mypy", "ruff", "hypothesis", "pip", "nox", "virtualenv", "textual", "pytest", "setuptools", "rich")


@pytest.fixture(scope="module")
def closed_tree(people, place):
    """A virtual environment with everything inside, below a directory of mode 0700."""
    closed = place / "private"
    closed.mkdir(mode=0o700)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(closed / "venv")], check=True)
    target = next((closed / "venv" / "lib").glob("python*/site-packages"))
    source = Path(sysconfig.get_paths()["purelib"])
    skip = shutil.ignore_patterns(*(f"{name}*" for name in _DEVELOPMENT), "__editable__*", "*.pth")
    shutil.copytree(source, target, ignore=skip, dirs_exist_ok=True)
    root = Path(__file__).resolve().parents[2]
    for package in ("aimx", "aimx_tui"):
        shutil.copytree(root / package, target / package)
    return closed


@pytest.mark.parametrize("dropped", [False, True], ids=["root", "run-as"])
def test_helpers_need_no_file_after_the_start(people, closed_tree, place, dropped):
    user = people["b"]
    daemon = Daemon(place / f"tree-{dropped}", _config({"ops": user.pw_name}, "id -u >&2"))
    daemon.python = str(closed_tree / "venv" / "bin" / "python")
    if dropped:
        daemon.arguments = ["--run-as", str(user.pw_uid)]
        for path in (daemon.tree, *daemon.tree.rglob("*")):
            os.chown(path, user.pw_uid, user.pw_gid)
    away = closed_tree.with_name("away")
    with daemon:
        closed_tree.rename(away)
        try:
            _exercise(daemon, user)
        finally:
            away.rename(closed_tree)


def _exercise(daemon, user):
    for octets in LATE.values():
        daemon.send(octets)
        assert f'stderr_tail="{user.pw_uid}"' in daemon.wait_log("hook_name=ops_hook event=on_receive")
    (spawner,) = psutil.Process(daemon.pid).children()
    for helper in spawner.children():
        helper.kill()
        daemon.wait_log("event=helper-ready")
    daemon.send(mail("last"))
    assert len(daemon.messages("ops")) == len(LATE) + 1
    assert not any("examined = false" in path.read_text() for path in daemon.messages("ops"))
    os.kill(spawner.pid, signal.SIGKILL)
    assert daemon.process.wait(60) != 0  # nothing can be started from a place that is gone
    daemon._collector.join(10)
    assert any("event=spawner-lost" in line for line in daemon.log)
    assert not any("Traceback" in line for line in daemon.log), daemon.log[-30:]
    assert not any(alive(pid) for pid in (spawner.pid,))
