"""Fixtures shared by all tests."""

import os

import pytest

from tests.harness import Daemon


@pytest.fixture
def daemon(tmp_path):
    """A running daemon with the mailbox `ops`."""
    with Daemon(tmp_path) as running:
        yield running


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))
