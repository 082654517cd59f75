"""`aimx portcheck` on one machine and a real verifier on another: every scenario of the guide, by the program."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest

from tests.harness import Daemon
from tests.verifier import namespaces
from tests.verifier.namespaces import HERE4, HERE6, THERE4, THERE6, WAIT_S
from tests.verifier.program import Verifier

pytestmark = pytest.mark.root


class Served(Daemon):
    """A daemon on port 25 of the machine under test."""

    def __init__(self, tree, machine, bind):
        super().__init__(tree, AIMX_TEST_DNS="")
        self.wrapper = machine.enter
        self.arguments = ["--bind", bind]

    @property
    def pid(self):
        return self.process.pid  # nsenter has become it


@pytest.fixture(scope="module")
def machines():
    if os.geteuid() != 0:
        pytest.skip("needs root")
    with namespaces.two() as made:
        yield made


@pytest.fixture(scope="module")
def verifier(machines):
    env = {"BIND_ADDR": "[::]:80", "SMTP_BIND_ADDR": "[::]:25", "PROBE_RATE_PER_MINUTE": "1000"}
    with Verifier(machines[1].enter, **env) as running:
        yield running


def portcheck(machine, tree, url, *words, enter=()):
    argv = [*machine.enter, *enter, sys.executable, "-m", "aimx.cli.main", "portcheck", "--verify-host", url, *words]
    env = {**os.environ, "AIMX_CONFIG_DIR": str(tree / "etc"), "AIMX_RUNTIME_DIR": str(tree / "run")}
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=2 * WAIT_S)


def asked(machine, tree, url, *words, **more):
    ran = portcheck(machine, tree, url, "--json", *words, **more)
    assert ran.stderr == ""
    return ran.returncode, json.loads(ran.stdout)


WEB4, WEB6 = f"http://{THERE4}", f"http://[{THERE6}]/"


def test_a_fresh_machine_is_ready_for_setup(machines, verifier, tmp_path):
    ran = portcheck(machines[0], tmp_path, WEB4)
    assert ran.returncode == 0, ran
    assert "Nobody listens on port 25" in ran.stdout
    assert "[OK] Outbound port 25\n" in ran.stdout and "[OK] Inbound port 25\n" in ran.stdout
    assert ran.stdout.endswith("Port 25 reachable. Ready for `aimx setup`.\nRun `sudo aimx setup` to begin.\n")


@contextmanager
def foreign(machine):
    """Another program on the port."""
    program = "import socket; s = socket.create_server(('0.0.0.0', 25)); print(flush=True); s.accept()"
    with subprocess.Popen([*machine.enter, sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            yield process.pid
        finally:
            process.kill()


def test_another_program_is_named_unless_it_is_not_to_be_seen(machines, verifier, tmp_path):
    with foreign(machines[0]) as pid:
        ran = portcheck(machines[0], tmp_path, WEB4)
        hidden, found = asked(machines[0], tmp_path, WEB4, enter=["unshare", "--pid", "--fork", "--mount-proc"])
    assert ran.returncode == 1 and "[OK] Outbound port 25" in ran.stdout and "Inbound" not in ran.stdout
    assert re.search(rf"Error: Port 25 is occupied by python\S* \(pid {pid}\b.*Stop or uninstall it", ran.stderr)
    assert (hidden, found["holder"], found["listener"]) == (1, "another process", "other")
    assert found["outbound"]["ok"] and found["inbound"]["unknown"]


def test_our_daemon_is_tried_itself_and_known_by_its_socket_not_by_its_name(machines, verifier, tmp_path):
    with Served(tmp_path, machines[0], "0.0.0.0:25") as daemon:
        code, ours = asked(machines[0], tmp_path, WEB4)
        assert code == 0 and (ours["listener"], ours["holder"], ours["ipv4"]) == ("aimx serve", None, HERE4), ours
        code, unheard = asked(machines[0], tmp_path, WEB6)
        assert code == 1 and unheard["outbound"]["ok"] and unheard["ipv6"] == HERE6
        assert f"{HERE6} is not reachable on port 25" in unheard["inbound"]["why"]
        code, other = asked(machines[0], tmp_path / "other", WEB4)
        assert code == 1 and f"(pid {daemon.pid}" in other["holder"]


def test_it_is_for_root(machines, tmp_path):
    ran = portcheck(machines[0], tmp_path, WEB4, enter=["setpriv", "--reuid=65534", "--clear-groups"])
    assert ran.returncode == 1 and "requires root" in ran.stderr
