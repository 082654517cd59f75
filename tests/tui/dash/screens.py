"""Looks at a dashboard without a terminal: waits for what is on its screen, never for a duration."""

import asyncio
import time

PATIENCE_S = 60.0  # a loaded machine; nothing here takes a second


def shown(app):
    """The screen as lines of text."""
    return "\n".join(strip.text.rstrip() for strip in app.screen._compositor.render_strips())


async def until(app, pilot, *words):
    """All of the words are on the screen."""
    end = time.monotonic() + PATIENCE_S
    while not all(word in " ".join(shown(app).split()) for word in words):
        assert app.broken() is None
        assert time.monotonic() < end, f"never shown: {words}\n{shown(app)}"
        await asyncio.sleep(0.01)
        await pilot.pause(0)
