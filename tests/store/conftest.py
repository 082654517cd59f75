"""A store per test, closed afterwards."""

import io

import pytest

from aimx import log
from tests.store.parts import opened


@pytest.fixture
def store(tmp_path):
    """An open store with the mailboxes `ops` and `dev` below tmp_path/data."""
    parts = opened(tmp_path, "dev")
    yield parts
    parts.close()


@pytest.fixture
def told(monkeypatch):
    """What the log says."""
    stream = io.StringIO()
    monkeypatch.setattr(log, "_stream", stream)
    return stream
