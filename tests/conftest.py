"""Fixtures shared by all tests."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from aimx import log
from tests.harness import Daemon
from tests.root import users

# Deadlines would make a busy machine fail a test, and chance one that has nothing to do with a change: the same
# examples every time. `nox -s fuzz` takes the second profile: others every day, by the seed that it prints.
settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True, database=None
)
settings.register_profile(
    "fuzz",
    settings.get_profile("default"),
    max_examples=int(os.environ.get("AIMX_FUZZ_EXAMPLES", "2000")),
    derandomize=False,
    print_blob=True,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# A job in the background of a shell ignores interrupts, and so would every program that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def worker_user():
    """As root every test's daemon needs the user that it would drop its helpers to."""
    if os.geteuid() == 0:
        users.need_worker()


@pytest.fixture
def daemon(tmp_path):
    """A running daemon with the mailbox `ops`."""
    with Daemon(tmp_path) as running:
        yield running


def pytest_runtest_teardown():
    log._quiet = False  # a command that ran in this process is over


def pytest_collection_modifyitems(config, items):
    if not config.getoption("markexpr"):
        # Real peers, and one download: `nox -s lab`, or any `-m` that selects them.
        lab = [item for item in items if item.get_closest_marker("lab")]
        config.hook.pytest_deselected(items=lab)
        items[:] = [item for item in items if not item.get_closest_marker("lab")]
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
