"""The chapter on installing, and the usage of the script itself, against each other."""

import re
import subprocess

import pytest

from tests.docs import pages

PAGE = pages.ROOT / "book" / "installation.md"
INSTALLER = pages.ROOT / "install" / "install.sh"


@pytest.fixture(scope="module")
def usage():
    return subprocess.run(["sh", INSTALLER, "--help"], capture_output=True, text=True, check=True, timeout=60).stdout


def _code(cell):
    return re.findall(r"`([^`]+)`", cell)


@pytest.fixture(scope="module")
def table():
    """(flag, variable) for each row."""
    return [tuple(" ".join(_code(cell)) for cell in row[:2]) for row in pages.rows(PAGE, "## Options")]


def test_the_table_has_the_flags_of_the_script_with_their_variables(usage, table):
    flags = re.findall(r"^  (?:-h, )?(--[a-z-]+(?: <[A-Z]+>)?) .*?(?:\[env: ([A-Z_]+)\])?$", usage, re.MULTILINE)
    assert [row for row in table if row[0]] == flags


def test_the_table_has_the_variables_without_a_flag(usage, table):
    variables = re.findall(r"^  ([A-Z][A-Z_]+(?:=1)?) ", usage, re.MULTILINE)
    assert [row[1] for row in table if not row[0]] == variables


def test_every_variable_of_the_usage_is_read_by_the_script(usage):
    text = INSTALLER.read_text().replace(usage, "")
    for variable in set(re.findall(r"\b(?:AIMX|GITHUB)_[A-Z_]+|NO_COLOR", usage)):
        assert f"${{{variable}:-}}" in text or f"${{{variable}:-/" in text, variable


def test_the_targets_are_the_same_everywhere(usage):
    told = [_code(row[0])[0] for row in pages.rows(PAGE, "## Platforms")]
    assert told == re.search(r"Targets: (.*)", usage)[1].split(", ")
    assert told == re.search(r"^TARGETS='(.*)'", INSTALLER.read_text(), re.MULTILINE)[1].split()
    assert [_code(row[1])[0] for row in pages.rows(PAGE, "## Platforms")] == [t.replace("-unknown-", "-") for t in told]


@pytest.mark.parametrize("name", ["MINIMUM_GLIBC", "INSTALLER_URL"])
def test_the_constants_are_those_that_a_release_build_writes(name):
    constants = INSTALLER.read_text().split("# ---- constants", 1)[1].split("# ---- end of constants", 1)[0]
    value = re.search(rf"^{name}='([^']*)'$", constants, re.MULTILINE)[1]
    assert {"MINIMUM_GLIBC": f"glibc {value}", "INSTALLER_URL": value}[name] in PAGE.read_text()


def test_the_question_is_the_one_that_is_asked():
    question = re.search(r"printf '(AIMX is already installed\. .*?) ?'", INSTALLER.read_text())[1]
    assert f"`{question}`" in PAGE.read_text()
