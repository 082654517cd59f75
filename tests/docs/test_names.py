"""Options and variables that any page names exist: in a parser of ours, or in the program that the page says."""

import argparse
import re
from collections.abc import Iterator

import pytest

from aimx.cli import main, manual
from tests.docs import pages
from tests.docs.pages import PAGES, ROOT

_OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z0-9-]*)")
_VARIABLE = re.compile(r"\bAIMX_[A-Z][A-Z_0-9]*[A-Z0-9]\b")
_SCRIPT = re.compile(r"^ *((?:-\w \| )?--[a-z][a-z0-9-|= ]*)(?:\*)?\)", re.MULTILINE)

# Options of other programs: a page that names one names a program that has it.
OTHERS = {
    "aimx help": {"--man"},  # of no parser: aimx.cli.main reads it
    "claude": {"--scope", "--dangerously-skip-permissions", "--mcp-config", "--strict-mcp-config", "--model"},
    "opencode": {"--dangerously-skip-permissions"},
    "codex": {"--skip-git-repo-check", "--full-auto", "--sandbox", "--dangerously-bypass-approvals-and-sandbox"},
    "gemini": {"--yolo"},
    "hermes": {"--yolo", "--ignore-user-config", "--ignore-rules"},
    "goose": {"--recipe", "--instructions", "--quiet"},
    "curl": {"--data-binary", "--data-urlencode"},
    "useradd": {"--system", "--create-home", "--no-create-home", "--shell"},
    "systemctl": {"--now"},
    "rsync": {"--delete"},
    "docker": {"--stop-timeout"},
    "git describe": {"--tags"},
}


def _parsers() -> Iterator[argparse.ArgumentParser]:
    for words in manual.names():
        if words:
            parser = main.parser(main.find(words[0]))
            yield parser if len(words) == 1 else parser.leaf(words[1])


def _options() -> set[str]:
    """Of every command, of the installer, and of the tools and sessions of this repository."""
    found = {option for words, _ in main.OPTIONS for option in _OPTION.findall(words)}
    for parser in _parsers():
        found |= {option for action in parser._actions for option in action.option_strings}
    for path in (ROOT / "install").rglob("*.sh"):
        found |= {option for one in _SCRIPT.findall(path.read_text()) for option in _OPTION.findall(one)}
    for folder in ("install", "aimx/verifier", "tests"):
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(re.findall(r'add_argument\(\s*"(--[a-z0-9-]+)"', path.read_text()))
    return found


def _variables() -> set[str]:
    files = [path for folder in ("aimx", "install", "tests/fuzz") for path in (ROOT / folder).rglob("*")]
    texts = [path.read_text() for path in files if path.suffix in (".py", ".sh")]
    return {name for text in texts for name in _VARIABLE.findall(text)}


OPTIONS, VARIABLES = _options(), _variables()


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_every_option_exists(page):
    text = page.read_text()
    code = [*pages.spans(page), *(block.text for block in pages.blocks(page))]
    named = {option for one in code for option in _OPTION.findall(one)} - OPTIONS
    for program, options in OTHERS.items():
        if program in text.lower():
            named -= options
    assert named == set()


@pytest.mark.parametrize("page", PAGES, ids=pages.name)
def test_every_variable_exists(page):
    assert set(_VARIABLE.findall(page.read_text())) - VARIABLES == set()


def test_no_option_of_others_is_listed_that_nobody_names():
    text = " ".join(page.read_text() for page in PAGES)
    assert {one for options in OTHERS.values() for one in options if one not in text} == set()
