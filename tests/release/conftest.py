"""The release that the session has built, and one machine per suite for all tests of a module."""

import os
import tarfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import trees
from tests.release.fresh import Fresh


@pytest.fixture(scope="session")
def release():
    """The release directory."""
    if "AIMX_RELEASE" not in os.environ:
        pytest.skip("`nox -s release` builds what these tests are about")
    return Path(os.environ["AIMX_RELEASE"])


@pytest.fixture(scope="session")
def tag(release):
    """Of the release."""
    return release.name


@pytest.fixture(scope="session")
def program(release, tag, tmp_path_factory):
    """The program file, as the guide's manual installation takes it out of the tarball."""
    (tarball,) = release.glob(f"aimx-{tag}-*-linux-*.tar.gz")
    goal = tmp_path_factory.mktemp("program") / "aimx"
    with tarfile.open(tarball) as opened:
        packed = opened.extractfile(f"{tarball.name.removesuffix('.tar.gz')}/aimx")
        assert packed is not None
        goal.write_bytes(packed.read())
    goal.chmod(0o755)
    return goal


@contextmanager
def machines(directory):
    """Makes machines, and ends them."""
    made = []

    def make(suite="bookworm", size="1g"):
        try:
            made.append(Fresh(suite, directory / f"{suite}-{len(made)}", size))
        except trees.Unavailable as error:
            pytest.skip(str(error))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.__exit__()


@pytest.fixture
def machine(tmp_path):
    """Makes machines of this test: `machine("trixie")`."""
    with machines(tmp_path) as make:
        yield make


@pytest.fixture(scope="module")
def shared_machine(tmp_path_factory):
    """Makes machines that several tests of a module use."""
    with machines(tmp_path_factory.mktemp("machines")) as make:
        yield make
