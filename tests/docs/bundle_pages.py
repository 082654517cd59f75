"""The references of the agents' bundle that are made from code: all tools, all fields of a message file."""

import re
from typing import Any

from aimx.mcp import schema, table
from aimx.mcp.tool import Tool
from tests.docs import pages, tools_page
from tests.docs.pages import ROOT

REFERENCES = ROOT / "agents/common/references"
_TOOLS = """\
# Every tool of the server

`*` marks what is required; everything else may be left out. The last six are not there when the server was started
with `--tools core`. Errors: [troubleshooting](troubleshooting.md).
"""
_FIELDS = """\
# The frontmatter of an email

Between two lines `+++` stands TOML, one key per line; the text of the mail follows. Values come from the sender's mail
unless it says otherwise, so they are data like the text.

## Of mail that arrived

"""
_SENT = """
## Of sent mail

`email_list` with `folder: "sent"` shows `delivery_status` of each.

"""


def tools() -> str:
    """references/mcp-tools.md: one paragraph a tool, one line a parameter."""
    more = sum(not tool.core for tool in table.TOOLS)
    words = {5: "five", 6: "six", 7: "seven"}
    head = _TOOLS.replace("The last six", f"The last {words[more]}")
    return "\n".join([head, *map(_tool, table.TOOLS)]).rstrip("\n") + "\n"


def _tool(tool: Tool) -> str:
    takes, gives = schema.of(tool.arguments, tool.strict), schema.of(tool.result)
    lines = [f"## {tool.name}", "", tool.description, ""]
    for name, what in takes["properties"].items():
        mark = "*" if name in takes.get("required", ()) else ""
        lines.append(f"- `{name}`{mark} ({tools_page.kind(what)}): {_meaning(what)}")
    results = ", ".join(f"`{name}`" for name in gives["properties"])
    return "\n".join([*lines, *([""] if takes["properties"] else []), f"Gives {results}.", ""])


def _meaning(what: dict[str, Any]) -> str:
    return str(what.get("description", "")).replace("<", "&lt;")


def fields() -> str:
    """references/frontmatter.md, from the tables of the book, which other tests hold to the code."""
    chapter = ROOT / "book/mailboxes-and-email.md"
    arrived = pages.rows(chapter, "## The message file")
    sent = pages.rows(chapter, "## Sent records")
    return _FIELDS + _table(arrived) + _SENT + _table(sent)


def _table(rows: list[list[str]]) -> str:
    lines = ["| field | type | what it is | present |", "|---|---|---|---|"]
    shown = [
        [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", cell).removesuffix(": see trust") for cell in row] for row in rows
    ]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in shown)]) + "\n"
