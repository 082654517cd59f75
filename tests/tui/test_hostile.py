"""Text of others on the screen: shown, never obeyed, wherever the story lets it in."""

import re

import pytest

from aimx import limits
from aimx.errors import Failed
from aimx.provision.records import Record, Verdict
from aimx.provision.setup import api
from aimx_tui import safe
from tests.tui import works
from tests.tui.screens import driven
from tests.tui.test_wizard import GIVEN, UNREACHED, screen
from tests.tui.works import Paper

HOSTILE = {
    "markup": ("[/nope][bold red]x[/]", "[/nope][bold red]x[/]"),
    "action": ("[@click=app.quit]go[/]", "[@click=app.quit]go[/]"),
    "clipboard": ("\x1b]52;c;ZXZpbA==\x07", "\\x1b]52;c;ZXZpbA==\\x07"),
    "csi": ("\x1b[2J\x9b2J", "\\x1b[2J\\x9b2J"),
    "bidi": ("a\u202egro.elpmaxe", "a\\u202egro.elpmaxe"),
    "tag": ("a\U000e0041", "a\\ue0041"),
    "null": ("a\x00\rb\x7f", "a\\x00\\x0db\\x7f"),
    "emoji": (":bomb: \U0001f468\u200d\U0001f469", ":bomb: \U0001f468\\u200d\U0001f469"),
    "surrogate": ("a\udcff", "a\\udcff"),
}
_OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u200d]")


@pytest.mark.parametrize(("text", "shown"), HOSTILE.values(), ids=HOSTILE)
def test_a_text_is_shown_by_its_characters(text, shown):
    assert safe.shown(text) == shown
    assert safe.text(text).plain == shown
    assert safe.text(text).spans == []


def test_a_long_text_is_cut_and_a_line_is_one():
    assert len(safe.shown("x" * 10_000)) == limits.TUI_TEXT_CHARACTERS + 1
    assert safe.line("a\nb\tc") == "a b    c"


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE.values()], ids=HOSTILE)
@screen
async def test_notes_reasons_and_records_are_inert(text):
    record = Record("TXT", f"{text}.example", text)
    wrong = api.Seen((Verdict("A", "wrong", text, record), Verdict("PTR", "warn", text)), False, text)
    host = Paper(
        reach=[UNREACHED._replace(inbound=api.Reach(False, text)), works.REACHED],
        looks=[wrong],
        installing=tuple(api.Note(kind, text) for kind in ("ok", "warn", "fail", "hint", "text", "command")),
        failure=Failed(text),
    )
    async with driven(host, GIVEN, size=(120, 40)) as ui:
        screens = []
        await ui.until("Port 25 checks failed")
        screens.append(ui.shown())
        await ui.press("r")
        await ui.until("0 of 5 are right.")
        screens.append(ui.shown())
        await ui.press("q")
        await ui.until("Who may your agents act for?")
        await ui.type("a@b.example")
        await ui.press("enter")
        await ui.until("Confirm?")
        await ui.press("enter")
        await ui.until("Create the catchall mailbox?")
        await ui.press("enter")
        await ui.until("Try again")
        screens.append(ui.shown())
        await ui.press("q")
        await ui.gone()
    screens.append("\n".join(ui.wizard.last_words(signs=True)))
    assert [_OBEYED.findall(found) for found in screens] == [[]] * 4
