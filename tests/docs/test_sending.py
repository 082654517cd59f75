"""The examples of the pages that show how to send are typed into a shell, and letters leave."""

import os
import shlex
import subprocess

import pytest

from tests.cli import post
from tests.docs import pages
from tests.docs.pages import ROOT

CONFIG = """domain = "agent.example.com"
[mailboxes.support]
address = "support@agent.example.com"
owner = "root"
"""
BLOCKS = [
    block
    for name in ("sending.md", "cli.md")
    for block in pages.blocks(ROOT / "book" / name)
    if block.language == "sh" and "aimx send" in block.text
]


@pytest.fixture(scope="module")
def office():
    with post.Post(CONFIG) as running:
        programs = running.tree / "bin"
        programs.mkdir()
        command = shlex.join(post.argv(running.uid))
        for name, line in {"aimx": f'exec {command} "$@"', "generate-report": "echo '# Report'"}.items():
            (programs / name).write_text(f"#!/bin/sh\n{line}\n")
            (programs / name).chmod(0o755)
        running.file("report.pdf", b"%PDF")
        yield running


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: pages.name(block.page))
def test_examples_send(office, block):
    before = len(list(office.drop.iterdir()))
    commands = block.text.count("aimx send")
    env = {**office.daemon.env, "PATH": f"{office.tree / 'bin'}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", block.text], env=env, cwd=office.tree, capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    dry = block.text.count("--dry-run")
    assert len(list(office.drop.iterdir())) - before == commands - dry


def test_there_are_examples():
    assert {pages.name(block.page) for block in BLOCKS} == {"book/sending.md", "book/cli.md"}
