"""book/commands.md is what the parsers say. `UPDATE_GOLDEN=1 nox -s docs` writes it anew."""

import os

from tests.docs import commands_page
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "commands.md"


def test_the_page_is_what_the_parsers_say():
    text = commands_page.page()
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "UPDATE_GOLDEN=1 nox -s docs writes it anew"
