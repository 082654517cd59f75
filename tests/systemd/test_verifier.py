"""The verifier's unit as it is shipped: it starts, holds nothing but one capability, answers, and ends in time."""

import json
import time
from pathlib import Path

import pytest

from tests.systemd.host import PATIENCE_S
from tests.systemd.tree import VENV

UNIT = Path(__file__).parents[2] / "install" / "verifier" / "aimx-verifier.service"
# The daemon of this machine has port 25; any other one below 1024 takes the same capability.
_ENVIRONMENT = "SMTP_BIND_ADDR=127.0.0.1:587\nEHLO_NAME=verify.test\n"
_GET = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=30).read().decode())"
_GREETING = """
import smtplib
with smtplib.SMTP("127.0.0.1", 587, "client.test", timeout=30) as client:
    print(client.ehlo())
"""


@pytest.fixture(scope="module")
def verifier(host):
    machine = host.machine
    machine.run("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "aimx-verifier")
    machine.run("ln", "-s", VENV, "/opt/aimx-verifier")
    machine.write("/etc/aimx-verifier.env", _ENVIRONMENT)
    machine.write(f"/etc/systemd/system/{UNIT.name}", UNIT.read_text())
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "aimx-verifier")
    yield machine
    machine.run("systemctl", "stop", "aimx-verifier")


def _shown(machine, name):
    return machine.run("systemctl", "show", "-P", name, "aimx-verifier")


def test_the_unit_has_no_fault(verifier):
    assert verifier.run("systemd-analyze", "verify", f"/etc/systemd/system/{UNIT.name}") == ""


def test_it_answers_on_both_ports(verifier):
    python = f"{VENV}/bin/python"
    deadline = time.monotonic() + PATIENCE_S
    while "event=verifier-started" not in verifier.journal("-u", "aimx-verifier"):
        assert time.monotonic() < deadline
    told = verifier.run(python, "-c", _GET, "http://127.0.0.1:3025/health")
    assert json.loads(told) == {"status": "ok", "service": "aimx-verifier"}
    assert verifier.run(python, "-c", _GREETING) == "(250, b'verify.test')"


def test_it_is_nobody_with_one_capability(verifier):
    status = verifier.run("cat", f"/proc/{_shown(verifier, 'MainPID')}/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    uid = verifier.run("id", "-u", "aimx-verifier")
    assert fields["Uid"].split() == [uid] * 4 and uid != "0"
    one = f"{1 << 10:016x}"  # CAP_NET_BIND_SERVICE
    assert [fields[name] for name in ("CapEff", "CapPrm", "CapBnd")] == [one] * 3
    assert fields["NoNewPrivs"] == "1" and fields["Seccomp"] == "2"


def test_it_ends_when_it_is_told_to_and_starts_again(verifier):
    verifier.run("systemctl", "restart", "aimx-verifier")
    assert (_shown(verifier, "Result"), _shown(verifier, "ActiveState")) == ("success", "active")
    log = verifier.journal("-u", "aimx-verifier")
    assert "event=verifier-stopping signal=SIGTERM" in log and "Traceback" not in log
