"""The picker: what each key does, and each of its screens as text (`UPDATE_GOLDEN=1 nox -s tui` writes them anew)."""

import asyncio
import os
from functools import wraps
from pathlib import Path

import pytest

from aimx.integrations import registry
from aimx.integrations.api import Seen
from aimx_tui.agents import choice
from aimx_tui.agents.app import Picker

GOLDEN = Path(__file__).parent / "golden" / "picker"
MIXED = {"claude-code": "installed", "codex": "wired", "openclaw": "stale", "nanoclaw": "installed"}


def rows(**states):
    """All agents; those that are not named are not there."""
    named = {name.replace("_", "-"): state for name, state in states.items()} or MIXED
    return tuple(
        Seen(agent, named.get(agent.name, "not-detected"), Path("/home/alice") / agent.name, None)
        for agent in registry.agents()
    )


def names(found):
    return [row.agent.name for row in found]


def screen(test):
    """An asyncio test."""

    @wraps(test)
    def run(*args, **kwargs):
        asyncio.run(test(*args, **kwargs))

    return run


def shown(app):
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips).rstrip() + "\n"


async def after(keys, found=None, size=(80, 24), user="alice"):
    """The app and its screen after those keys."""
    app = Picker(user, choice.begin(found or rows()))
    async with app.run_test(size=size) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        return app, shown(app)


SCREENS = {
    "list": ((), {}),
    "moved": (("j",), {}),
    "unticked": (("space",), {}),
    "all": (("a",), {}),
    "none": (("a", "a"), {}),
    "help": (("question_mark",), {}),
    "confirm": (("a", "enter"), {}),
    "back-from-confirm": (("a", "enter", "n"), {}),
    "narrow": ((), {"size": (38, 24)}),
    "nobody": ((), {"user": None}),
    "all-wired": ((), {"found": rows(**{name.replace("-", "_"): "wired" for name in MIXED})}),
}


@screen
@pytest.mark.parametrize("name", SCREENS)
async def test_screens(name):
    keys, given = SCREENS[name]
    _, text = await after(keys, **given)
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.read_text() == text


ENDS = {
    "as-offered": ("enter enter", ["claude-code", "nanoclaw"]),
    "yes": ("enter y", ["claude-code", "nanoclaw"]),
    "a-wired-one-too": ("down space enter y", ["claude-code", "codex", "nanoclaw"]),
    "vim-keys": ("G space k k space enter y", ["claude-code", "codex"]),
    "round-and-round": ("up space enter y", ["claude-code"]),
    "second-thoughts": ("enter n space enter y", ["nanoclaw"]),
    "all": ("a enter y", ["claude-code", "codex", "openclaw", "nanoclaw"]),
    "none": ("a a enter", []),
    "q": ("q", None),
    "escape": ("escape", None),
    "ctrl-c": ("ctrl+c", None),
    "ctrl-c-at-the-confirmation": ("enter ctrl+c", None),
    "q-at-the-confirmation": ("enter q q", None),
    "y-too-early": ("y q", None),
    "the-list-stands-still-at-the-confirmation": ("enter j space a y", ["claude-code", "nanoclaw"]),
}


@screen
@pytest.mark.parametrize("name", ENDS)
async def test_what_is_chosen(name):
    keys, expected = ENDS[name]
    app, _ = await after(keys.split())
    assert (None if app.chosen is None else names(app.chosen)) == expected


@screen
async def test_a_user_name_is_no_markup():
    _, text = await after((), user="[red]\x1b[2J")
    assert "`[red]\\x1b[2J`" in text


def test_every_key_is_named_and_told():
    bindings = Picker.BINDINGS
    assert len({binding.id for binding in bindings}) == len(bindings)
    assert all(binding.tooltip for binding in bindings)


def test_nothing_to_choose():
    assert choice.begin(rows(claude_code="not-detected")) is None


def test_what_is_ticked_beforehand():
    begin = choice.begin(rows())
    assert names(begin.chosen()) == ["claude-code", "nanoclaw"] and begin.cursor == 0
    late = choice.begin(rows(hermes="wired", nanoclaw="installed"))
    assert late.rows[late.cursor].agent.name == "hermes"


@pytest.mark.parametrize(("state", "text"), [
    ("installed", "Install AIMX MCP for Codex CLI"),
    ("wired", "Re-install AIMX MCP for Codex CLI (refresh files)"),
    ("stale", "Re-install AIMX MCP for Codex CLI (refresh files)"),
])  # fmt: skip
def test_the_verbs(state, text):
    assert choice.task(rows(codex=state)[1]) == text
