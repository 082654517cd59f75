"""Drives a wizard without a terminal: waits for what is on its screen, never for a duration."""

import asyncio
import math
import os
import time
from contextlib import asynccontextmanager

from textual import events
from textual.widgets import Input

from aimx.provision.setup.api import Options
from aimx_tui.setup.app import Wizard

PATIENCE_S = 60.0  # a loaded machine; nothing here takes a second
DIFFERENT_S = 20.0  # a picture that is not as on file by then never is


class Driven:
    """A wizard under a pilot."""

    def __init__(self, wizard, pilot):
        self.wizard, self.pilot = wizard, pilot

    async def until(self, words):
        """The words are on the screen, wrapped or not."""
        end = time.monotonic() + PATIENCE_S
        while words not in self.flat():
            assert self.wizard.broken() is None
            assert time.monotonic() < end, f"never shown: {words}\n{self.shown()}"
            await asyncio.sleep(0.005)
            await self.pilot.pause(0)
        await self.settle()

    async def sees(self, widget):
        """The widget comes into view."""
        end = time.monotonic() + PATIENCE_S
        while not widget.region.overlaps(self.wizard.screen.region):
            assert time.monotonic() < end, f"{widget} stays outside\n{self.shown()}"
            await asyncio.sleep(0.005)
            await self.pilot.pause(0)

    async def settle(self):
        """All that was sent so far has been worked off; a pilot's own pauses wait for an idle machine instead."""
        for _ in range(3):
            await self.pilot.pause(0)

    def flat(self):
        """The screen as running text, and its right side: words that are wrapped there stand side by side."""
        shown = self.shown()
        return " ".join([*shown.split(), "|", *" ".join(line[35:] for line in shown.splitlines()).split()])

    async def looks_as(self, path):
        """The screen comes to look as in that picture; what is drawn last has no words to wait for."""
        if os.environ.get("UPDATE_GOLDEN"):
            await self.pilot.pause(1)
            path.parent.mkdir(exist_ok=True)
            path.write_text(self.wizard.export_screenshot(simplify=True))
            return
        there, end = path.read_text(), time.monotonic() + DIFFERENT_S
        while self.wizard.export_screenshot(simplify=True) != there:
            assert time.monotonic() < end, f"{path.name} differs:\n{self.shown()}"
            await asyncio.sleep(0.02)
            await self.pilot.pause(0)

    async def gone(self):
        """The app has ended."""
        end = time.monotonic() + PATIENCE_S
        while self.wizard.is_running and not self.wizard._exit:
            assert time.monotonic() < end, self.shown()
            await asyncio.sleep(0.01)

    def shown(self):
        """The screen as lines of text."""
        strips = self.wizard.screen._compositor.render_strips()
        return "\n".join(strip.text.rstrip() for strip in strips)

    async def press(self, *keys):
        """Keys, one after the other."""
        for key in keys:
            event = events.Key(key, key if len(key) == 1 else None)
            event.set_sender(self.wizard)
            self.wizard._driver.send_message(event)
            await self.settle()

    async def type(self, text):
        """Into the field that has the focus, at once as a terminal sends what is pasted."""
        field = self.wizard.focused
        assert isinstance(field, Input), field
        field.post_message(events.Paste(text))
        await self.settle()


@asynccontextmanager
async def driven(works, options=None, size=(100, 30), again_s=math.inf):
    """A wizard over that host, on a screen of that size. The clock stands still."""
    wizard = Wizard(works, options or Options(), works.stands, again_s=again_s, clock=lambda: 0.0)
    try:
        async with wizard.run_test(size=size) as pilot:
            yield Driven(wizard, pilot)
    finally:
        wizard.join()
