"""What the dashboard shows first: of a daemon with a history, of one without mail, and of one that went away."""

import asyncio

from tests.tui.dash.screens import dashboard, shown, until


def test_a_history_is_shown(busy):
    async def story():
        async with dashboard(busy, size=(120, 40)) as (app, pilot):
            await until(app, pilot, "Nightly import fails", "Invoice 2041", "Newsletter 230", "billing", "catchall")
            await until(app, pilot, "quiet", "support", "● live")

    asyncio.run(story())


def test_a_server_without_mail_is_shown(empty):
    async def story():
        async with dashboard(empty) as (app, pilot):
            await until(app, pilot, "support", "● live")

    asyncio.run(story())


def test_what_was_there_stays_while_the_daemon_is_away(gone):
    async def story():
        async with dashboard(gone, size=(120, 40)) as (app, pilot):
            await until(app, pilot, "Nightly import fails", "● live", "support")
            await asyncio.to_thread(gone.kill)
            await until(app, pilot, "✗ daemon away")
            assert "Nightly import fails" in shown(app)

    asyncio.run(story())
