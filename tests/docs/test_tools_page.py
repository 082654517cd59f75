"""book/mcp-tools.md is what the server says; `UPDATE_GOLDEN=1 nox -s docs` writes it anew. book/mcp.md is true."""

import os

from aimx import limits
from aimx.mcp import table
from tests.docs import pages, tools_page
from tests.docs.pages import ROOT

PAGE, CHAPTER = ROOT / "book" / "mcp-tools.md", ROOT / "book" / "mcp.md"


def test_the_page_is_what_the_table_says():
    text = tools_page.page()
    if os.environ.get("UPDATE_GOLDEN"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "UPDATE_GOLDEN=1 nox -s docs writes it anew"


def test_the_chapter_knows_every_tool():
    listed = [row[0].strip("`") for row in pages.rows(CHAPTER, "## The tools")]
    assert sorted(listed) == sorted(tool.name for tool in table.TOOLS), "book/mcp.md has a table"


def test_the_numbers_of_the_chapter_are_those_of_the_program():
    text = CHAPTER.read_text()
    assert f"at most {limits.MCP_EMAIL_OCTETS // limits.MIB} MiB" in text
    assert f"{limits.LIST_ROWS} rows, {limits.LIST_ROWS_MAX} at most" in text
    assert f"{limits.MCP_LINE_OCTETS // limits.MIB} MiB" in text
    assert f"{int(limits.MCP_DRAIN_S)} seconds" in text
