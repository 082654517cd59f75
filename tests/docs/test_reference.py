"""configuration.md and cli.md name every key, flag, variable and exit code that exists, with its type and default."""

import argparse
import re

import pytest

from aimx import limits
from aimx.cli import main
from aimx.config import fields, load, schema
from aimx.errors import Exit
from aimx.model.config import Hook
from tests.docs import pages
from tests.docs.pages import ROOT

CONFIGURATION = ROOT / "book" / "configuration.md"
CLI = ROOT / "book" / "cli.md"
TYPES = {
    fields.boolean: "boolean",
    fields.text: "string",
    fields.texts: "array of strings",
    fields.table: "table",
    fields.tables: "array of tables",
    fields.whole: "integer",
    schema.trust: "string",
}
UNDOCUMENTED = {"allow_root_catchall"}  # told in a sentence: it does nothing


def _rows(heading: str) -> dict[str, list[str]]:
    section = CONFIGURATION.read_text().split(f"\n{heading}\n", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| `([a-z_0-9]+)` \|(.*)\|$", section, re.MULTILINE)
    return {key: [cell.strip() for cell in rest.split("|")] for key, rest in found}


SECTIONS = {"## Top level": schema.TOP, "## Mailboxes": schema.MAILBOX, "## Hooks": schema.HOOK}


@pytest.mark.parametrize(("heading", "keys"), SECTIONS.items(), ids=SECTIONS)
def test_every_key_is_in_its_table(heading, keys):
    assert set(_rows(heading)) == set(keys) - UNDOCUMENTED
    text = CONFIGURATION.read_text()
    assert all(f"`{key}`" in text for key in {**schema.UPGRADE, **keys})


@pytest.mark.parametrize(("heading", "keys"), SECTIONS.items(), ids=SECTIONS)
def test_types_are_true(heading, keys):
    for key, row in _rows(heading).items():
        if keys[key] in TYPES:
            assert row[0] == TYPES[keys[key]], key


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return str(value) if isinstance(value, int) else f"`{value}`"


def test_defaults_are_true():
    config = load.parse(b'domain = "agent.test"', "c", None)
    words = ("required", "none", "`[]`")
    for key, row in _rows("## Top level").items():
        if row[1] not in words and key != "signature":
            assert row[1] == _shown(getattr(config, key)), key
    hook = Hook("", "on_receive", ())
    for key, row in _rows("## Hooks").items():
        if row[1] not in ("required", "derived") and key != "type":
            assert row[1] == _shown(getattr(hook, key)), key


def test_ranges_are_true():
    rows = _rows("## Top level")
    assert f"1 to {limits.CONNECTIONS_MAX}" in rows["max_connections"][2]
    assert f"1 to {limits.CONNECTIONS_MAX}" in rows["max_connections_per_peer"][2]
    assert f"0 to {limits.HOOK_CONCURRENCY_MAX}" in rows["hook_concurrency"][2]
    assert f"0 to {limits.HOOK_THREAD_BUDGET_MAX}" in rows["hook_thread_budget"][2]
    assert f"1 to {limits.HOOK_TIMEOUT_MAX_S}" in _rows("## Hooks")["timeout_secs"][2]


def _flags(command: main.Command) -> set[str]:
    return {
        option
        for action in main.parser(command)._actions
        if action.help != argparse.SUPPRESS
        for option in action.option_strings
        if option.startswith("--")
    }


@pytest.mark.parametrize("command", main.COMMANDS, ids=lambda command: command.name)
def test_every_flag_is_on_the_page(command):
    section = CLI.read_text().split(f"\n## `aimx {command.name}", 1)[1].split("\n## ", 1)[0]
    cells = " ".join(re.findall(r"^\|([^|]*)\|", section, re.MULTILINE))
    subs = {sub.name for sub in main.parser(command).subs}
    if subs:  # their flags are in commands.md
        assert set(re.findall(r"`([a-z]+)", cells)) == subs, "each subcommand has a row below the command"
        return
    shown = set(re.findall(r"`(--[a-z-]+)", cells))
    assert shown == _flags(command) - {"--help", "--data-dir"}


def test_options_of_every_command_are_on_the_page():
    rows = " ".join(row[0] for row in pages.rows(CLI, "## Options of every command"))
    for option, _ in main.OPTIONS:
        assert all(f"`{word}`" in rows or f"`{word} " in rows for word in re.findall(r"--?[a-zA-Z-]+", option))


def test_every_exit_code_is_on_the_page():
    shown = {int(row[0]) for row in pages.rows(CLI, "## Exit codes")}
    assert shown == {int(code) for code in Exit}


def test_every_variable_is_on_the_page():
    shown = {row[0].strip("`") for row in pages.rows(CLI, "## Environment")}
    read = {
        name
        for path in (ROOT / "aimx").rglob("*.py")
        if "demo" not in path.parts
        for name in re.findall(r'"(AIMX_[A-Z_]+[A-Z]|NO_COLOR)"', path.read_text())
    }
    of_hooks = {row[0].strip("`") for row in pages.rows(ROOT / "book" / "hooks.md", "## What a hook gets")}
    assert shown == read - of_hooks | {"AIMX_JOB"}
