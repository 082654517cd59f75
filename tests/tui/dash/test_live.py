"""The dashboard beside a real daemon: what it shows first, what arrives, and what it shows while nobody answers."""

import asyncio

import pytest

from aimx import limits
from aimx_tui.dash.gateway import Gateway
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


def test_the_first_picture_waits_for_what_stands_in_it(daemon, monkeypatch):
    monkeypatch.setattr(limits, "TUI_FIRST_S", limits.CLIENT_STREAM_S)

    async def story():
        await asyncio.to_thread(daemon.send, mail("Before"))
        async with dashboard(daemon) as (app, _):
            assert [row.subject for row in app.state.listing.rows] == ["Before"]
            assert app.state.link == "live"
            assert app.state.mailboxes and app.state.status is not None

    asyncio.run(story())


class Silent(Gateway):
    """Takes every question and answers none."""

    async def value(self, request, *more):
        """Never."""
        await asyncio.Event().wait()

    async def lines(self, request):
        """Never."""
        await asyncio.Event().wait()
        yield {}


def test_a_silent_daemon_does_not_keep_the_first_picture(tmp_path):
    async def story():
        async with dashboard(None, gateway=Silent(tmp_path / "socket")) as (app, pilot):
            await until(app, pilot, "◌ connecting", "… waiting for the daemon")

    asyncio.run(story())


def test_what_was_parsed_of_the_styles_stays_until_the_colours_change(tmp_path):
    async def story():
        async with dashboard(None, gateway=Silent(tmp_path / "socket")) as (app, pilot):
            kept = list(app.stylesheet.rules)
            before = {id(rule) for rule in kept}
            await pilot.press("3")
            await pilot.press("f1")
            assert before < {id(rule) for rule in app.stylesheet.rules}
            app.action_light()
            await pilot.pause()
            assert not before & {id(rule) for rule in app.stylesheet.rules}

    asyncio.run(story())
