"""Looks at a dashboard without a terminal: waits for what is on its screen, never for a duration."""

import asyncio
import time
from contextlib import asynccontextmanager

from aimx_tui.dash.app import Dashboard
from aimx_tui.dash.gateway import Gateway

PATIENCE_S = 120.0  # a loaded machine; nothing here takes a second


@asynccontextmanager
async def dashboard(daemon, size=(110, 24), gateway=None):
    """The app beside that daemon, under a pilot."""
    app = Dashboard(gateway or Gateway(daemon.socket))
    async with app.run_test(size=size) as pilot:
        yield app, pilot


def shown(app):
    """The screen as lines of text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(app, pilot, *words):
    """All of the words are on the screen."""
    await settled(app, pilot, lambda: all(word in " ".join(shown(app).split()) for word in words), words)


async def settled(app, pilot, holds, what="the condition"):
    """Something holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert app.broken() is None
        assert time.monotonic() < end, f"never: {what}\n{shown(app)}"
        await asyncio.sleep(0.01)
        await pilot.pause(0)
