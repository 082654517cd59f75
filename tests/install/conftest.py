"""Machines for the installer, in both shells.

dash runs every case of every test. BusyBox runs every test too, but of its cases only the first, as a shell meets the
same lines in all of them; a test where cases are different to a shell says so (`each_shell`), and one that takes long
shares its cases out to both (`in_turn`). AIMX_INSTALL_FULL runs everything in both.
"""

import itertools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests import releases
from tests.install import box as boxes


def pytest_collection_modifyitems(config, items):
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    again = [] if os.environ.get("AIMX_INSTALL_FULL") else _repeated(ours)
    if again:
        items[:] = [item for item in items if item not in again]
        config.hook.pytest_deselected(items=again)
    if ours and not _able():
        for item in ours:
            item.add_marker(pytest.mark.skip(reason="needs root, and namespaces for mounts and networks"))


def _repeated(items):
    """Those that need not be run in both shells, or not in this one."""
    cases, repeated = {}, set()
    for item in items:
        shell = item.callspec.params.get("shell") if hasattr(item, "callspec") else None
        if shell is None or item.get_closest_marker("each_shell"):
            continue
        number = cases.setdefault((item.function, shell), itertools.count())
        if item.get_closest_marker("in_turn"):
            spared = (next(number) % 2 == 0) != (shell == "dash")
        else:
            spared = next(number) > 0 and shell == "busybox"
        if spared:
            repeated.add(item)
    return repeated


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
