"""Machines for the installer; both shells unless a test says which."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import releases
from tests.install import box as boxes


def pytest_collection_modifyitems(items):
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    if ours and not _able():
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="needs root, and namespaces for mounts and networks"))


def _able() -> bool:
    tried = subprocess.run(["unshare", "-m", "-n", "true"], capture_output=True, timeout=boxes.PATIENCE_S)
    return os.geteuid() == 0 and tried.returncode == 0


@pytest.fixture(scope="session")
def key():
    return releases.Key()


@pytest.fixture(params=list(boxes.SHELLS))
def shell(request):
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


@pytest.fixture
def server(place):
    with releases.Server(place / "releases") as server:
        yield server


@pytest.fixture
def place():
    """A directory that every user can reach, which pytest's own is not."""
    with tempfile.TemporaryDirectory(prefix="aimx-box.") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture
def box(place, shell, server, key):
    return boxes.Box(place, shell, server, key)
