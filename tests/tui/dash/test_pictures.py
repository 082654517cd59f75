"""Pictures of the dashboard's screens, against those on file: two sizes, without mail, with a history, or no daemon.

`UPDATE_GOLDEN=1` writes them anew; look at each that changed.
"""

import asyncio
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from textual.widgets import Input, TextArea

from aimx import limits
from aimx_tui.dash.mail.looking import Looking
from tests.tui.dash import busy as past
from tests.tui.dash.screens import PATIENCE_S, dashboard, shown, until
from tests.tui.dash.still import Still

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"80x24": (80, 24), "120x40": (120, 40)}
# id → what is pressed after which words; the last words are of the picture.
BUSY = {
    "mail": [("Nightly import fails", "● live")],
    "reader": [("Nightly import fails",), "enter", ("Do you see that too?",)],
    "thread": [("Offer for two agents",), "j", "T", ("conversation · 3", "delivered")],
    "sent": [("Nightly import fails",), "S", ("Welcome", "Receipt 17")],
    "search": [("Nightly import fails",), "slash", *"offer", "enter", ("Re: Offer for two", "Inbox · 2")],
    "hooks": [("Nightly import fails",), "2", ("file-invoice", "interrupted")],
    "compose": [("Nightly import fails",), "c", ("Subject", "choose a mailbox")],
    "reply": [("Nightly import fails",), "r", ("Re: Nightly import", "kept as a draft")],
    "confirm": [("Nightly import fails", "support"), *"JJJJJ", ("support · Inbox",), "D", ("Type support to go on.",)],
    "help": [("Nightly import fails",), "question_mark", ("Mailboxes with what is new",)],
}
EMPTY = {
    "mail": [("support", "● live")],
    "hooks": [("support", "● live"), "2", ("No run of any hook",)],
}
AWAY = {"mail": [], "hooks": ["2", ("file-invoice",)]}


@pytest.fixture(autouse=True)
def the_hour(monkeypatch):
    """It is the same time everywhere, and no mail becomes read by being looked at."""
    monkeypatch.setattr(limits, "TUI_REST_S", 3600.0)
    monkeypatch.setattr(Looking, "now", lambda _: datetime.fromtimestamp(past.NOW, UTC))


async def play(app, pilot, steps):
    """Keys, and what is waited for."""
    for step in steps:
        if isinstance(step, tuple):
            await until(app, pilot, *step)
        else:
            await pilot.press(step)


async def looks_as(app, pilot, name):
    """The screen comes to look as in that picture; what is drawn last has no words to wait for."""
    for field in (*app.screen.query(Input), *app.screen.query(TextArea)):
        field.cursor_blink = False
    path = GOLDEN / f"{name}.svg"
    if os.environ.get("UPDATE_GOLDEN"):
        await pilot.pause(1.5)
        path.parent.mkdir(exist_ok=True)
        path.write_text(app.export_screenshot(simplify=True))
        return
    there, end = path.read_text(), time.monotonic() + PATIENCE_S
    while app.export_screenshot(simplify=True) != there:
        assert time.monotonic() < end, f"{path.name} differs:\n{shown(app)}"
        await asyncio.sleep(0.02)
        await pilot.pause(0)


async def picture(daemon, situation, name, size, steps):
    """One screen."""
    async with dashboard(daemon, SIZES[size], Still(daemon)) as (app, pilot):
        await play(app, pilot, steps)
        await looks_as(app, pilot, f"{name}-{situation}-{size}")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", BUSY)
def test_a_screen_with_a_history_looks_as_on_file(busy, name, size, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    asyncio.run(picture(busy, "busy", name, size, BUSY[name]))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", EMPTY)
def test_a_screen_without_mail_looks_as_on_file(empty, name, size):
    asyncio.run(picture(empty, "empty", name, size, EMPTY[name]))


@pytest.mark.parametrize("size", SIZES)
def test_screens_without_a_daemon_look_as_on_file(gone, size):
    async def story():
        async with dashboard(gone, SIZES[size], Still(gone)) as (app, pilot):
            await play(app, pilot, [("Nightly import fails", "● live", "support"), "2", ("file-invoice",), "1"])
            await asyncio.to_thread(gone.kill)
            await until(app, pilot, "✗ daemon away")
            for name, steps in AWAY.items():
                await play(app, pilot, steps)
                await looks_as(app, pilot, f"{name}-away-{size}")
        await asyncio.to_thread(gone.start)

    asyncio.run(story())
