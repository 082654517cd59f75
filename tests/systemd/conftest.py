"""The machines of a run: one with aimx on it, and one of its own for setup and releases."""

import os
import tempfile
from pathlib import Path

import pytest

from tests.lab import world as lab
from tests.systemd import tree
from tests.systemd.host import Host
from tests.systemd.machine import Machine
from tests.systemd.setup.bare import Bare
from tests.systemd.setup.world import World


@pytest.fixture(scope="session")
def machine(tmp_path_factory):
    """A booted machine."""
    if "AIMX_WHEEL" not in os.environ:
        pytest.skip("`nox -s systemd` builds the wheel and the tree for these tests")
    try:
        made = tree.ready()
    except tree.Unavailable as error:
        pytest.skip(str(error))
    with Machine(made, tmp_path_factory.mktemp("machine") / "space") as running:
        yield running


@pytest.fixture(scope="session")
def host(machine):
    """aimx, installed and running on it."""
    installed = Host(machine)
    installed.install(Path(os.environ["AIMX_WHEEL"]))
    return installed


@pytest.fixture(scope="session")
def bare(tmp_path_factory):
    """A bare machine with the program and two users, between a name server and an internet."""
    if "AIMX_WHEEL" not in os.environ:
        pytest.skip("`nox -s systemd` builds the wheel and the tree for these tests")
    lab.need("postfix", "dnsmasq", "ip", "unshare")
    pytest.importorskip("authheaders", reason="authheaders judges what we send")
    try:
        made = tree.ready()
    except tree.Unavailable as error:
        pytest.skip(str(error))
    space = tmp_path_factory.mktemp("setup") / "space"
    with tempfile.TemporaryDirectory(prefix="aimx-world-") as directory, Machine(made, space) as machine:
        os.chmod(directory, 0o755)  # Postfix's own users go through it
        with World(machine, Path(directory)) as world:
            host = Bare(machine, world)
            host.install(Path(os.environ["AIMX_WHEEL"]))
            yield host
