"""extensions.md names all verbs, commands, tools, keys and flags that the original has not, and nothing else."""

import re

from aimx import limits
from aimx.cli import main
from aimx.config import schema
from aimx.mcp import table
from aimx.wire import frames
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "extensions.md"
OF_THE_ORIGINAL = {
    "domain", "data_dir", "dkim_selector", "trust", "trusted_senders", "verify_host", "enable_ipv6", "signature",
    "mailboxes",
}  # fmt: skip
COMMANDS = {"demo", "emails", "watch", "tui", "dns", "reindex"}


def first(heading: str) -> set[str]:
    """All that is code in the first column of a table."""
    return {word for row in pages.rows(PAGE, heading) for word in re.findall(r"`([^`]+)`", row[0])}


def test_verbs():
    ours = {shape.verb for shape in frames.SHAPES if "Extension" in (shape.frame.__doc__ or "")}
    assert first("## Verbs of the socket") == ours


def test_tools():
    assert first("## Tools") == {tool.name for tool in table.TOOLS if not tool.core}


def test_keys():
    assert first("## Configuration") == set(schema.TOP) - OF_THE_ORIGINAL


def test_commands_exist():
    shown = {words.split()[1] for words in first("## Commands")}
    assert shown == COMMANDS | {"hooks"}
    assert shown <= {command.name for command in main.COMMANDS}


def test_flags_of_send_exist():
    text = PAGE.read_text().split("Every command that reads has", 1)[1].split("\n## ", 1)[0]
    parser = main.parser(main.find("send"))
    known = {option for action in parser._actions for option in action.option_strings}
    assert set(re.findall(r"`(--[a-z-]+)", text)) <= known | {"--json"}


def test_numbers_are_true():
    rows = {row[0]: row[1] for row in pages.rows(PAGE, "## Defaults that differ")}
    assert rows["connections of one address"] == str(limits.CONNECTIONS_PER_PEER)
    assert rows["runs of a hook in one conversation"] == f"{limits.HOOK_THREAD_BUDGET} in 24 hours"
