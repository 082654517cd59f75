"""One home per library: foreign names and foreign exceptions stay where they are translated."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# The demo plays the world around us: it signs mail and answers DNS as others would.
HOMES = {
    "aiosmtpd": ("aimx/daemon/smtpd.py",),
    "spf": ("aimx/mailauth/spf.py",),
    "dkim": ("aimx/mailauth/dkim.py", "aimx/demo/"),
    "mistletoe": ("aimx/mime/markdown/",),
    "premailer": ("aimx/mime/stylesheet.py",),
    "lxml": ("aimx/mime/stylesheet.py",),
    "html2text": ("aimx/mime/text.py",),
    "publicsuffixlist": ("aimx/mailauth/",),
    "idna": ("aimx/model/domain.py",),
    "mcp": ("aimx/mcp/sdk.py",),
    "mcp_types": ("aimx/mcp/sdk.py",),
    "pydantic": ("aimx/mcp/lean.py",),
    "h11": ("aimx/verifier/", "aimx/provision/httpget.py"),
    "tomlkit": ("aimx/config/",),
    "dns": ("aimx/resolver/", "aimx/demo/"),
    "sqlite3": ("aimx/store/",),
    "asyncio": (),  # and these are at home in aimx_tui
    "textual": (),
    "rich": (),
    "ctypes": ("aimx/effects/linux.py",),
}


def _imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield (node.module or "").partition(".")[0]


@pytest.fixture(scope="module")
def imports():
    """What each module imports, by its path."""
    return {str(path.relative_to(ROOT)): set(_imported(path)) for path in (ROOT / "aimx").rglob("*.py")}


@pytest.mark.parametrize("library", HOMES)
def test_a_library_is_imported_only_at_home(library, imports):
    users = [path for path, libraries in imports.items() if library in libraries]
    assert [user for user in users if not user.startswith(HOMES[library] or ("none",))] == []
    assert users or not HOMES[library], "a home without its library"
