"""Entry points load no more than they need: looked up in a fresh interpreter's sys.modules."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = (
    "textual",
    "mcp",
    "premailer",
    "lxml",
    "aiosmtpd",
    "dkim",
    "spf",
    "trio",
    "rich",
    "email",
    "tomlkit",
    "asyncio",
    "msgspec",
    "cryptography",
    "dns",
)


def _loaded(code: str, *options: str) -> set[str]:
    """Top-level names."""
    return {name.partition(".")[0] for name in _modules(code, *options)}


def _modules(code: str, *options: str) -> set[str]:
    text = subprocess.run(
        [sys.executable, *options, "-c", f"{code}\nimport sys; print(' '.join(sys.modules))"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return set(text.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("client", "import aimx.client, aimx.wire.codec"),
        ("emails", "import aimx.cli.emails"),
        ("help", "import sys; sys.argv=['aimx','--help']\nfrom aimx.cli.main import run; run(['--help'])"),
        ("version", "from aimx.cli.main import run; run(['--version'])"),
    ],
    ids=lambda value: value if value.isidentifier() else "",
)
def test_short_commands_stay_light(entry, code):
    assert not _loaded(code) & set(HEAVY)


ADMIN = """
import os
os.geteuid = lambda: 1  # whoever runs the tests
os.environ["AIMX_RUNTIME_DIR"] = "/nonexistent"
from aimx.cli.main import run
from aimx.errors import DaemonUnavailable
try:
    run({words!r})
except (DaemonUnavailable, SystemExit):
    pass
"""


@pytest.mark.parametrize(
    "words",
    [["mailboxes", "list"], ["hooks", "list", "--json"], ["emails", "list"], ["watch"], ["mailboxes"],
     ["hooks", "help"], ["doctor", "--help"], ["logs", "--help"], ["emails", "serch"]],
    ids=" ".join,
)  # fmt: skip
def test_a_command_of_one_question_stays_light(words):
    assert not _loaded(ADMIN.format(words=words), "-S") & set(HEAVY)


SEND = """
import os, sys
os.geteuid = lambda: 1  # whoever runs the tests
os.environ["AIMX_RUNTIME_DIR"] = "/nonexistent"
from aimx.cli.main import run
words = ["--from", "a@b.test", "--to", "c@d.test", "--subject", "s", "--body", "# Hi"]
assert run(["send", *words]) == 2
"""
# Of the standard library: each takes a millisecond or more, and a letter without files needs none of them.
SLOW = {
    "asyncio",
    "email",
    "hashlib",
    "inspect",
    "json",
    "locale",
    "mimetypes",
    "pathlib",
    "shutil",
    "subprocess",
    "uuid",
}


def test_a_letter_is_sent_with_next_to_nothing_loaded():
    loaded = _loaded(SEND, "-S")  # no site: an installation from sources loads much for itself
    assert "aimx" in loaded
    assert not loaded & {*HEAVY, *SLOW, "idna"}


ELSEWHERE = ("starlette", "sse_starlette", "uvicorn", "httpx2", "httpcore2", "jsonschema", "mcp.client", "mcp.cli",
             "mcp.server.auth", "mcp.server.streamable_http", "mcp.server.mcpserver", "aimx.store", "aimx.daemon",
             "aimx.cli", "rich", "tomlkit", "cryptography", "sqlite3", "lxml", "premailer")  # fmt: skip


def test_the_mcp_server_loads_neither_http_nor_clients_nor_the_daemon():
    modules = _modules("import aimx.mcp.server")
    assert "mcp.server.lowlevel.server" in modules
    assert [name for name in modules if name.startswith(ELSEWHERE)] == []


PICTURE = """
import aimx.cli.main, aimx.cli.tui
from aimx_tui.dash import app, gateway, modes
modes.MODES[0].screen()
"""
LATER = (
    *("mcp", "trio", "markdown_it", "rich.markdown", "aimx.provision", "aimx.daemon", "aimx.smtp", "aimx.drafting"),
    *("aimx.mime.sample", "aimx_tui.setup", "aimx_tui.agents", "aimx_tui.dash.compose.screen", "aimx_tui.dash.hooks"),
    *("aimx_tui.dash.health", "aimx_tui.dash.mailboxes", "aimx_tui.dash.mail.dialogs", "aimx.mime", "aimx.policy"),
    *("aimx.model", "msgspec", "tomllib"),
)


def test_the_first_picture_of_the_dashboard_loads_neither_what_serves_nor_what_comes_later():
    modules = _modules(PICTURE)
    assert "aimx_tui.dash.mail.screen" in modules
    assert [name for name in modules if name.startswith(LATER)] == []
