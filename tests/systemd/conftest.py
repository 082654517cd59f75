"""One machine for all tests of a run."""

import os
from pathlib import Path

import pytest

from tests.systemd import tree
from tests.systemd.host import Host
from tests.systemd.machine import Machine


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
