"""SPF for peers at their real addresses, DNS on port 53 by resolv.conf: the daemon is not told that it is a test."""

import json
import os
import shutil
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.lab, pytest.mark.root]

EXPECTED = {
    "ip4": ("192.0.2.7", "pass", ""),
    "ip4, another peer": ("192.0.2.8", "fail", ""),
    "mx": ("198.51.100.9", "pass", ""),
    "ptr": ("198.51.100.9", "pass", ""),
    "bounce": ("198.51.100.9", "pass", ""),
    "dead": ("192.0.2.7", "none", "spf=temperror"),
    "short name in the search domain": ("192.0.2.7", "none", ""),
    "absent": ("192.0.2.7", "none", ""),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    for program in ("unshare", "ip", "dnsmasq"):
        if shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed")
    if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True, timeout=10, check=False).returncode:
        pytest.skip("namespaces are not permitted here")
    tree = tmp_path_factory.mktemp("everywhere")
    command = ["unshare", "-n", "-m", sys.executable, "-m", "tests.lab.everywhere", str(tree)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("case", EXPECTED)
def test_spf_of_a_real_peer(stored, case):
    assert tuple(stored[case].values()) == EXPECTED[case]
