"""The page of the dashboard names keys that exist, signs that are drawn, and modes as the program has them."""

import importlib
import pkgutil
import re

from textual.binding import Binding
from textual.dom import DOMNode

import aimx_tui.dash
from aimx_tui.dash import modes
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book/tui.md"
NAMES = {"/": "slash", "\\": "backslash", "]": "right_square_bracket", "[": "left_square_bracket", "?": "question_mark",
         "+": "plus", ":": "colon", "Esc": "escape", "Enter": "enter"}  # fmt: skip
_KEY = re.compile(r"Ctrl\+[A-Z]|F\d|Esc|Enter|\S")
_TEXTUALS = {"Tab", "↑"}
_OTHER_KEYS = {"Ctrl+H", "Ctrl+I", "Ctrl+J", "Ctrl+M"}  # to a terminal


def bindings():
    """Every key of the dashboard that somebody declares."""
    for module in pkgutil.walk_packages(aimx_tui.dash.__path__, "aimx_tui.dash."):
        importlib.import_module(module.name)
    found, classes = set(), [DOMNode]
    while classes:
        known = classes.pop()
        classes += known.__subclasses__()
        if known.__module__.startswith("aimx_tui.") and "BINDINGS" in vars(known):
            shown = [one for one in known.BINDINGS if isinstance(one, Binding)]
            found |= {key for one in shown for key in one.key.split(",")}
    for mixin in [one for one in _all(object) if one.__module__.startswith("aimx_tui.dash")]:
        shown = [one for one in vars(mixin).get("BINDINGS", ()) if isinstance(one, Binding)]
        found |= {key for one in shown for key in one.key.split(",")}
    return found


def _all(kind):
    for known in type.__subclasses__(kind):
        yield known
        yield from _all(known)


def named():
    """The keys that the page names."""
    spans = pages.spans(PAGE)
    return (
        {span for span in spans if _KEY.fullmatch(span) and span not in ("●", "✔", "✖", "⚙", "–")}
        - _TEXTUALS
        - _OTHER_KEYS
    )


def test_every_key_that_is_named_exists():
    there = bindings()
    missing = [key for key in named() if NAMES.get(key, key.lower() if len(key) > 1 else key) not in there]
    assert missing == []
    assert len(named()) > 30


def test_the_modes_are_those_of_the_program():
    told = [[cell.strip("`") for cell in row[:2]] for row in pages.rows(PAGE, "## The first line")]
    assert told == [[mode.key, mode.title] for mode in modes.MODES]
