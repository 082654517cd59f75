"""Our entry as other programs read it: the same words come out, whatever a path holds."""

import json
import subprocess
import unicodedata
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aimx.errors import Refused
from aimx.integrations import program, registry, snippets
from aimx.integrations.api import Program

PLAIN = Program("/usr/local/bin/aimx", None)
ELSEWHERE = Program("/opt/a b/aimx", Path("/srv/it's"))
HOSTILE = [
    "'",
    '"',
    "\\",
    "$(id)",
    "`id`",
    "{x}",
    "[y]",
    ": ",
    " #",
    "%h",
    "é",
    "💥",
    "*",
    "!",
    "&a",
    "~",
    "\u00a0",
    "-",
    "yes",
]
paths = st.lists(st.sampled_from(HOSTILE) | st.text(alphabet="ab/. ", max_size=3), max_size=6).map(
    lambda parts: "/" + "".join(parts)
)
programs = st.builds(Program, paths, st.none() | paths.map(Path), st.sampled_from([(), ("-I", "-m", "aimx.cli.main")]))


def activation(name):
    return registry.find(name).activation


@given(programs)
def test_json(given):
    entry = {"command": given.path, "args": list(given.args())}
    assert json.loads(snippets.entry(activation("gemini"), given)) == {"mcpServers": {"aimx": entry}}
    told = json.loads(snippets.entry(activation("opencode"), given))
    assert told == {"mcp": {"aimx": {"type": "local", "command": [given.path, *given.args()], "enabled": True}}}


@given(programs)
def test_yaml(given):
    entry = {"command": given.path, "args": list(given.args()), "enabled": True}
    assert yaml.safe_load(snippets.entry(activation("hermes"), given)) == {"mcp_servers": {"aimx": entry}}


def test_shell():
    """One shell for all of them."""
    lines = []

    @given(programs)
    def collect(given):
        argv = snippets.words(activation("openclaw").add, given)
        assert json.loads(argv[-1]) == {"command": given.path, "args": list(given.args())}
        lines.append(argv)

    collect()
    script = "\n".join(f"printf '%s\\0' {snippets.shell(argv)}" for argv in lines)
    out = subprocess.run(["sh"], input=script.encode(), capture_output=True, check=True, timeout=60).stdout
    assert out.decode().split("\0")[:-1] == [word for argv in lines for word in argv]


GOLDEN = {
    "claude": (
        "claude-code",
        ELSEWHERE,
        "claude mcp add --scope user aimx -- '/opt/a b/aimx' --data-dir '/srv/it'\\''s' mcp",
    ),
    "codex": ("codex", PLAIN, "codex mcp add aimx -- /usr/local/bin/aimx mcp"),
    "openclaw": ("openclaw", PLAIN, 'openclaw mcp set aimx \'{"command":"/usr/local/bin/aimx","args":["mcp"]}\''),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_commands(name):
    agent, given, expected = GOLDEN[name]
    found = activation(agent)
    assert snippets.shell((found.program, *snippets.words(found.add, given))) == expected


def test_the_guides_yaml():
    assert snippets.entry(activation("hermes"), PLAIN) == (
        "mcp_servers:\n  aimx:\n    command: /usr/local/bin/aimx\n    args: [mcp]\n    enabled: true"
    )
    moved = snippets.entry(activation("hermes"), Program("/usr/local/bin/aimx", Path("/custom/path")))
    assert "args: [--data-dir, /custom/path, mcp]" in moved


@pytest.mark.parametrize("text", ["/a\x1bb", "/a\nb", "/a\u202eb", "/a\udcffb", "/a\u2028b", "/a\u200bb"], ids=ascii)
def test_a_path_that_cannot_be_shown_is_refused(text):
    assert any(unicodedata.category(character).startswith(("C", "Z")) for character in text)
    with pytest.raises(Refused, match="--data-dir is "):
        program.ours(Path(text))
