"""Entry points load no more than they need: looked up in a fresh interpreter's sys.modules."""

import subprocess
import sys

import pytest

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


def _loaded(code: str) -> set[str]:
    text = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(' '.join(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return {name.partition(".")[0] for name in text.splitlines()[-1].split()}


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ("client", "import aimx.client, aimx.wire.codec"),
        ("help", "import sys; sys.argv=['aimx','--help']\nfrom aimx.cli.main import run; run(['--help'])"),
        ("version", "from aimx.cli.main import run; run(['--version'])"),
    ],
    ids=lambda value: value if value.isidentifier() else "",
)
def test_short_commands_stay_light(entry, code):
    assert not _loaded(code) & set(HEAVY)
