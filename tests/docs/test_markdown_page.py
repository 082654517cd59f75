"""markdown.md: what it says one can write becomes what it says, and its limits are those of the program."""

import re

import pytest

from aimx import limits
from aimx.mime import render
from aimx.mime.markdown import characters
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "markdown.md"
ROWS = pages.rows(PAGE, "## What you can write")
NUMBERS = {
    "the source, with its signature": limits.MARKDOWN_OCTETS,
    "the HTML": limits.RENDER_OUTPUT_OCTETS,
    "blocks, list items and table cells": limits.MARKDOWN_BLOCKS,
    "elements in the HTML": limits.RENDER_ELEMENTS,
    "marks of emphasis, links, code and the like": limits.MARKDOWN_SPANS,
    "quotes and lists in each other; emphasis and links in each other": limits.MARKDOWN_NESTING,
    "empty cells added to short rows": limits.MARKDOWN_PADDING_CELLS,
}


def _code(cell):
    return [(double or single).strip() for double, single in re.findall(r"``(.+?)``|`([^`]+)`", cell)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"\W+", "-", row[0]).strip("-"))
def test_what_one_writes_becomes_what_the_table_says(row):
    rendered = render.render("\n\n".join(_code(row[0])))
    for tag in (code for code in _code(row[1]) if code.startswith("<") and _code(row[0])):
        assert tag[:-1] in rendered, tag


def test_examples_are_rendered():
    table, footnote = (block.text for block in pages.blocks(PAGE) if block.language == "markdown")
    assert render.render(table).count("<td") == 6
    assert render.render(footnote).count('href="#fnref-1"') == 1


def test_the_table_of_limits_is_true():
    shown = {row[0]: row[1] for row in pages.rows(PAGE, "## Limits")}
    assert set(shown) == set(NUMBERS)
    for name, number in NUMBERS.items():
        written = shown[name]
        value = int(written.removesuffix(" MiB").replace(",", "")) * (limits.MIB if written.endswith("MiB") else 1)
        assert value == number, name


def test_the_schemes_are_those_that_may_be_linked():
    paragraph = PAGE.read_text().split("**Links to anything but**")[1].split("places in")[0]
    assert set(_code(paragraph)) == characters.LINK_SCHEMES


def test_the_page_itself_is_a_body():
    assert render.render(PAGE.read_text()).count("<h2") == 4
