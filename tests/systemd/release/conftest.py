"""The machine of setup's tests without aimx, and releases that are served on its own loopback."""

import shutil

import pytest

from tests.systemd.release import bundles
from tests.systemd.release.owned import Owned


@pytest.fixture(scope="session")
def releases(tmp_path_factory):
    """The directory that is served."""
    made = tmp_path_factory.mktemp("bundles")
    try:
        out = bundles.make(made)
    except bundles.Refused as error:
        pytest.skip(str(error))
    yield out
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def owned(bare, releases):
    """The host, with nothing of aimx on it; afterwards again."""
    bare.wipe()
    host = Owned(bare, releases)
    try:
        yield host
    finally:
        host.clear()
        bare.wipe()
