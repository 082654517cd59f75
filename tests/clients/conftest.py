"""Real agents' programs against a real daemon, without a network, an account or a model.

`AIMX_CLIENTS` is the directory that `tests.clients.install` filled.
"""

import json
import os
import tempfile
from pathlib import Path

import pytest

from tests.clients import install
from tests.clients.program import Program
from tests.harness import DOMAIN, Daemon, config_text, owner
from tests.mailauth import signing

AGENT = f'[mailboxes.agent]\naddress = "agent@{DOMAIN}"\nowner = "{owner()}"\n'


@pytest.fixture(scope="session")
def installed():
    """The directory, and what is in it."""
    directory = os.environ.get("AIMX_CLIENTS")
    if not directory:
        pytest.skip("AIMX_CLIENTS names no directory; nox -s clients does")
    return Path(directory), install.report(Path(directory))


@pytest.fixture(scope="session")
def daemon(tmp_path_factory):
    """Mail of `ops` and `agent` goes from one to the other by SMTP."""
    made = Daemon(tmp_path_factory.mktemp("clients"), config_text(AGENT))
    signing.install(made.etc)
    with made:
        yield made


@pytest.fixture
def program(installed, daemon):
    """A program by name, with a home of its own that is not below the temporary directory: Codex minds."""
    directory, report = installed

    def named(name: str) -> Program:
        if report[name]:
            pytest.skip(f"{name} cannot be installed: {report[name]}")
        return Program(install.command(directory, name), install.node(directory), Path(home), daemon)

    with tempfile.TemporaryDirectory(prefix="home-", dir=directory) as home:
        yield named


def pytest_report_header() -> list[str]:
    """Which programs these are."""
    directory = os.environ.get("AIMX_CLIENTS")
    return [f"clients: {json.dumps(install.report(Path(directory)))}"] if directory else []
