"""reading.md names every flag of `aimx emails`, and every word of its table is one that a search takes."""

import argparse
import re

import pytest

from aimx import limits
from aimx.cli import emails
from aimx.flows import mails
from aimx.model.query import Row
from aimx.policy import search
from aimx.policy.search import Filter
from tests.docs import pages
from tests.docs.pages import ROOT

PAGE = ROOT / "book" / "reading.md"
SECTIONS = {
    "list": "## Lists",
    "search": "## Lists",
    "read": "## One email",
    "thread": "## One email",
    "mark": "## Read and unread",
}
WORDS = [re.findall(r"`([^`]+)`", row[0])[0] for row in pages.rows(PAGE, "## Searching")]


def flags(name: str) -> set[str]:
    parser = argparse.ArgumentParser(add_help=False)
    (sub,) = (sub for sub in emails.SUBCOMMANDS if sub.name == name)
    sub.arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.mark.parametrize("heading", dict.fromkeys(SECTIONS.values()))
def test_every_flag_is_in_its_table(heading):
    shown = {flag for row in pages.rows(PAGE, heading) for flag in re.findall(r"`(--[a-z-]+)", row[0])}
    assert shown == set().union(*(flags(name) for name, at in SECTIONS.items() if at == heading))


def test_every_command_has_its_place():
    assert set(SECTIONS) == {sub.name for sub in emails.SUBCOMMANDS}


@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_one(word):
    assert search.query(Filter(), word, 0.0) != search.query(Filter(), "", 0.0)


def test_every_field_is_in_the_table():
    fields = {word.partition(":")[0] for word in WORDS if ":" in word}
    assert fields == set(search.FIELDS)


def test_the_limits_are_true():
    text = " ".join(PAGE.read_text().split())
    assert f"{limits.LIST_ROWS} rows unless `--limit` says otherwise, {limits.LIST_ROWS_MAX} at most" in text
    assert f"up to {limits.CONVERSATION_ROWS} messages" in text
    assert limits.SEARCH_PREFIX_CHARACTERS == 3
    assert "three letters at least" in text


def test_every_key_of_a_row_is_told_where_clients_look():
    row = Row("ops", "inbox", "x", "/x", 0.0, False, 0, False)
    (told,) = re.findall(r"- A row has (.*?)\n- ", (ROOT / "book" / "socket.md").read_text(), re.DOTALL)
    names = [name for name in re.findall(r"`([a-z_]+)`", told) if name != "delivery_status"]
    assert names == list(mails._shown(row))
