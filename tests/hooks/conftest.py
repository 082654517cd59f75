"""Helpers of these tests ask a loopback zone, never the network."""

import pytest

from aimx.demo.zone import ZoneServer


@pytest.fixture(autouse=True)
def _dns(monkeypatch):
    server = ZoneServer({})
    monkeypatch.setenv("AIMX_TEST_DNS", server.address)
    yield
    server.close()
