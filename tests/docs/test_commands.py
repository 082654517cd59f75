"""The two commands of README are those that CI runs, and every session that is named exists."""

import ast
import os
import re
import subprocess

from tests.docs import pages
from tests.docs.pages import ROOT

README = (ROOT / "README.md").read_text()
CI = (ROOT / ".ci" / "run").read_text()
SET_UP = "python3 -m venv .venv && .venv/bin/pip install -q nox && .venv/bin/nox -s "


def _sessions() -> dict[str, str]:
    """The sessions of noxfile.py with their source."""
    source = (ROOT / "noxfile.py").read_text()
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.decorator_list]
    return {node.name: ast.get_source_segment(source, node) or "" for node in functions}


def test_readme_has_two_commands_of_one_line():
    commands = [block.text.strip() for block in pages.blocks(ROOT / "README.md") if block.language == "sh"]
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert commands[0] == "python3 -m venv .venv && .venv/bin/pip install -q . && .venv/bin/aimx demo"
    assert commands[1] == f"{SET_UP}tests"


def test_ci_runs_the_same_test_command():
    made, _, run = SET_UP.rpartition(" && ")
    assert f"{{ {made}; }}" in CI
    assert re.search(rf'^step "tests" {re.escape(run)}tests$', CI, re.MULTILINE)


def test_sessions_that_are_named_exist():
    named = {
        word
        for text in (README, CI, *(page.read_text() for page in pages.PAGES))
        for words in re.findall(r"nox -s ((?:[a-z]+ ?)+)", text)
        for word in words.split()
    }
    assert named <= set(_sessions())


def test_ci_runs_every_session():
    run = {word for words in re.findall(r"nox -s ((?:[a-z]+ ?)+)", CI) for word in words.split()}
    assert run == set(_sessions())


def test_no_session_is_empty():
    for name, source in _sessions().items():
        assert "_run(" in source or "session.skip(" in source, name


def test_ci_is_a_program():
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    subprocess.run(["bash", "-n", ROOT / ".ci" / "run"], check=True, timeout=60)
