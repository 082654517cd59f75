"""Pictures of the wizard's screens, against those on file: two sizes, dark, light and without colours.

`UPDATE_GOLDEN=1` writes them anew; look at each that changed.
"""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widgets import Input

from aimx_tui import theme
from tests.tui import works
from tests.tui.screens import driven
from tests.tui.test_wizard import GIVEN, UNREACHED, at_catchall, at_senders, screen
from tests.tui.works import Paper

GOLDEN = Path(__file__).parent / "golden"
SIZES = {"80x24": (80, 24), "120x40": (120, 40)}


async def _domain(ui):
    await ui.until("Enter the domain")
    await ui.type("agent_example")
    await ui.until("is no domain name")


async def _records(ui):
    await ui.until("2 of 5 are right.")
    await ui.press("down", "down", "down")


async def _nobody(ui):
    await at_senders(ui)
    await ui.press("enter")
    await ui.until("Leave hooks disabled?")


async def _grave(ui):
    await ui.until("This host is set up for")


async def _installing(ui):
    await at_catchall(ui)
    await ui.press("enter")
    await ui.until("Installing")
    await ui.until("Wrote /etc/aimx/config.toml")


async def _failed(ui):
    await ui.until("Port 25 checks failed")


async def _leaving(ui):
    await at_senders(ui)
    await ui.press("ctrl+c")
    await ui.until("End setup now?")


async def _complete(ui):
    await at_catchall(ui)
    await ui.press("enter")
    await ui.until("Finish")


async def _help(ui):
    await _records(ui)
    await ui.press("f1")
    await ui.until("Esc closes this")


STATES = {
    "domain": (dict, None, _domain),
    "records": (lambda: {"looks": [works.WRONG]}, GIVEN, _records),
    "nobody": (dict, GIVEN, _nobody),
    "change-of-domain": (lambda: {"found": works.KNOWN}, GIVEN._replace(domain="other.example.com"), _grave),
    "installing": (lambda: {"hang": "install"}, GIVEN, _installing),
    "failed": (lambda: {"reach": UNREACHED}, GIVEN, _failed),
    "leaving": (dict, GIVEN, _leaving),
    "complete": (dict, GIVEN, _complete),
    "help": (lambda: {"looks": [works.WRONG]}, GIVEN, _help),
}
# All screens in the dark, those with most colours in the others.
LOOKS = [(state, size, "dark") for state in STATES for size in SIZES]
LOOKS += [(state, size, look) for state in ("records", "failed") for size in SIZES for look in ("light", "no-colour")]


@asynccontextmanager
async def shown(state, size):
    """The wizard in that state."""
    host, options, there = STATES[state]
    async with driven(Paper(**host()), options, size=size) as ui:
        await there(ui)
        for field in ui.wizard.screen.query(Input):
            field.cursor_blink = False
        await ui.settle()
        yield ui


@pytest.mark.parametrize(("state", "size", "look"), LOOKS, ids=["-".join(one) for one in LOOKS])
@screen
async def test_a_screen_looks_as_on_file(state, size, look, monkeypatch):
    if look == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(theme, "preferred", lambda: theme.LIGHT if look == "light" else theme.DARK)
    path = GOLDEN / f"{state}-{size}-{look}.svg"
    async with shown(state, SIZES[size]) as ui:
        await ui.looks_as(path)


@pytest.mark.parametrize("size", [(80, 24), (60, 18), (40, 12)], ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("state", STATES)
@screen
async def test_what_has_the_focus_is_on_the_screen_whatever_its_size(state, size):
    async with shown(state, (120, 40)) as ui:
        await ui.pilot.resize_terminal(*size)
        await ui.settle()
        for _ in range(4):
            if ui.wizard.focused is not None:
                await ui.sees(ui.wizard.focused)
            await ui.press("tab")
