"""The palette beside a real daemon: what it offers, that choosing does what the key does, and texts of strangers."""

import asyncio

from tests.harness import DOMAIN, mail
from tests.tui.dash.screens import dashboard, settled, shown, until


async def palette(app, pilot, text=""):
    """Opened, and typed into."""
    await pilot.press("ctrl+p")
    await settled(app, pilot, lambda: app.screen.has_class("--textual-command-palette") and app.focused is not None)
    app.focused.value = text


async def chosen(app, pilot, text, words):
    """The first of what fits, once that is what the words say."""
    await palette(app, pilot, text)
    await settled(app, pilot, lambda: _first(app).startswith(words), words)
    await pilot.press("enter")


def _first(app):
    found = app.screen.query_one("CommandList")
    return str(found.get_option_at_index(0).prompt) if found.option_count else ""


def test_what_the_screen_can_do_is_offered_and_done(busy):
    async def story():
        async with dashboard(busy, (100, 40)) as (app, pilot):
            await until(app, pilot, "● live", "Nightly import")
            await palette(app, pilot)
            await until(app, pilot, "Search (/): Search all mail", "Hooks (2): ")
            await pilot.press("escape")
            await chosen(app, pilot, "hooks what became", "Hooks")
            await until(app, pilot, "Fires for", "triage")
            await palette(app, pilot, "gate")
            assert "Delete" not in shown(app)  # no hook has the cursor
            await pilot.press("escape")
            await chosen(app, pilot, "make a hook", "New")
            await until(app, pilot, "New hook")
            await pilot.press("escape")
            await chosen(app, pilot, "keys do here", "Help")
            await until(app, pilot, "A hook is a program that runs when mail has arrived", "+ Make a hook")

    asyncio.run(story())


def test_mailboxes_hooks_and_themes_are_found_by_name(busy):
    async def story():
        async with dashboard(busy, (100, 40)) as (app, pilot):
            await until(app, pilot, "● live", "Nightly import")
            await settled(app, pilot, lambda: app.state.hooks and app.state.mailboxes)
            await chosen(app, pilot, "mailbox: bill", "Mailbox: billing")
            await settled(app, pilot, lambda: app.state.listing.asked.mailbox == "billing")
            await chosen(app, pilot, "hook: tell", "Hook: tell-team")
            await settled(app, pilot, lambda: app.state.runs_of == "tell-team")
            await until(app, pilot, "time limit")
            await chosen(app, pilot, "theme: drac", "Theme: dracula")
            await settled(app, pilot, lambda: app.theme == "dracula")

    asyncio.run(story())


def test_mail_is_found_whether_loaded_or_asked_for(busy):
    async def story():
        await asyncio.to_thread(busy.send, mail("[/nope] [bold]", "A word: xylophone.\r\n"), f"quiet@{DOMAIN}")
        async with dashboard(busy, (100, 40)) as (app, pilot):
            await until(app, pilot, "● live", "[/nope] [bold]")
            await chosen(app, pilot, "/nope bold", "Mail: [/nope] [bold]")
            await until(app, pilot, "A word: xylophone.")
            await pilot.press("escape")
            await chosen(app, pilot, "xylophone", "Mail: [/nope] [bold]")  # only its text has it
            await until(app, pilot, "A word: xylophone.")

    asyncio.run(story())


def test_half_a_question_and_a_daemon_that_is_away_find_nothing_and_break_nothing(gone):
    async def story():
        async with dashboard(gone, (80, 24)) as (app, pilot):
            await until(app, pilot, "● live")
            await palette(app, pilot, 'from:"')
            await until(app, pilot, "No matches found")
            await pilot.press("escape")
            await asyncio.to_thread(gone.stop)
            await until(app, pilot, "no aimx daemon answers")
            await palette(app, pilot, "zzzz")
            await until(app, pilot, "No matches found")
            await pilot.press("escape")

    asyncio.run(story())
