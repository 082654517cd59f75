"""The dashboard beside a real daemon: what it shows first, what arrives, and what it shows while nobody answers."""

import asyncio

import pytest

from tests.harness import Daemon, mail
from tests.tui.dash.screens import dashboard, shown, until


@pytest.fixture
def daemon(tmp_path):
    with Daemon(tmp_path) as running:
        yield running


def test_mail_arrives_the_daemon_goes_and_comes_back(daemon):
    async def story():
        await asyncio.to_thread(daemon.send, mail("Before"))
        async with dashboard(daemon) as (app, pilot):
            await until(app, pilot, "Before", "● live", "agent.test")
            await asyncio.to_thread(daemon.send, mail("After"))
            await until(app, pilot, "After")
            await asyncio.to_thread(daemon.stop)
            await until(app, pilot, "✗ daemon away", "Trying again")
            assert "Before" in shown(app)
            await asyncio.to_thread(daemon.start)
            await until(app, pilot, "● live")
            await asyncio.to_thread(daemon.send, mail("Back again"))
            await until(app, pilot, "Back again")

    asyncio.run(story())
