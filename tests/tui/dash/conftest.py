"""Daemons for the dashboard, one per module each: without mail, with a history (tests.tui.dash.busy), and gone."""

import pytest

from tests.tui.dash import busy as past


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """One mailbox, no mail, no hook."""
    with past.daemons(tmp_path_factory.mktemp("empty"), past.EMPTY, (), ()) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """Mailboxes, mail and hook runs of every kind. Tests that add to it must not count on what others added."""
    with past.daemons(tmp_path_factory.mktemp("busy")) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def gone(tmp_path_factory):
    """As `busy`, to be stopped and started by tests: nobody else shares it."""
    with past.daemons(tmp_path_factory.mktemp("gone")) as daemon:
        yield daemon
