"""Manual pages: one per command and subcommand, made from the parsers, without a mistake in their markup."""

import argparse
import re
import shutil
import subprocess

import pytest

from aimx.cli import main, manual
from aimx.errors import Exit
from tests.docs import pages
from tests.docs.pages import ROOT

NAMES = manual.names()
each_page = pytest.mark.parametrize("words", NAMES, ids=lambda words: "-".join(["aimx", *words]))


def test_every_command_has_one():
    commands = {command.name for command in main.COMMANDS if command.group}
    assert {words[0] for words in NAMES if words} == commands
    assert ["mailboxes", "create"] in NAMES


@each_page
def test_it_has_every_option(words):
    text = manual.page(words)
    if not words:
        assert all(f"aimx {command.name}".replace("-", "\\-") in text for command in main.COMMANDS if command.group)
        return
    parser = main.parser(main.find(words[0]))
    for word in words[1:]:
        parser = parser.leaf(word)
    for action in parser._actions:
        for option in action.option_strings if action.help != argparse.SUPPRESS else ():
            assert f"\\fB{option.replace('-', chr(92) + '-')}\\fR" in text


@each_page
def test_lines_that_are_no_requests_do_not_look_like_one(words):
    requests = {line.split()[0] for line in manual.page(words).splitlines() if line[:1] in (".", "'")}
    assert requests <= {".TH", ".SH", ".TP", ".B"}


@pytest.mark.skipif(shutil.which("groff") is None, reason="groff is not installed")
@each_page
def test_groff_has_nothing_to_say(words):
    groff = ["groff", "-Kutf8", "-man", "-Tutf8", "-ww", "-P-c"]
    done = subprocess.run(groff, input=manual.page(words), capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    plain = re.sub(r".\x08", "", done.stdout)
    assert "NAME" in plain
    assert ("aimx-" + "-".join(words) if words else "aimx - mail server") in plain


def test_exit_codes_and_variables_are_those_of_the_book():
    assert set(manual._EXITS) == set(Exit)
    shown = {row[0].strip("`") for row in pages.rows(ROOT / "book" / "cli.md", "## Environment")}
    assert set(manual._ENVIRONMENT) == {name for name in shown if "TEST" not in name} - {"AIMX_JOB"}
