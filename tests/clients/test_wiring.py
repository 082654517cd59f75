"""`aimx agents setup` for each agent that can be installed, then exactly what it printed; and the way back."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aimx.integrations import homes, install, registry, remove, states
from aimx.integrations import program as programs
from aimx.mcp import table

TOOLS = {tool.name for tool in table.TOOLS}


class Wired:
    """An agent of a home, wired as the command does it."""

    def __init__(self, client, monkeypatch):
        self.client = client
        self.home = homes.of("alice", client.home, {})
        (client.home / ".bin").mkdir()
        (client.home / ".bin" / client.name).symlink_to(client.command)
        client.env["PATH"] = f"{client.home}/.bin:{client.env['PATH']}"
        for name, value in client.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def setup(self, name):
        """What was told."""
        self.notes = []
        agent = registry.find(name)
        outcome = install.install(
            agent, self.home, programs.ours(None), force=False, tell=self.notes.append, overwrite=lambda _: False
        )
        assert outcome.error is None
        assert states.one(agent, self.home).state == "wired"
        return self.told()

    def remove(self, name):
        """What was told."""
        self.notes = []
        assert remove.remove(registry.find(name), self.home, self.notes.append).error is None
        return self.told()

    def told(self):
        return "\n".join(note.text for note in self.notes)

    def block(self):
        """What is to be copied."""
        (text,) = [note.text for note in self.notes if note.kind == "block"]
        return text

    def paste(self):
        """The block as the whole of the file that was named."""
        (place,) = re.findall(r"Add this to (\S+):", self.told())
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(self.block() + "\n")
        return Path(place)

    def type(self):
        """The block as a command."""
        done = subprocess.run(
            ["sh", "-c", self.block()], env=self.client.env, cwd=self.client.home, capture_output=True, text=True,
            timeout=150, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done


@pytest.fixture
def wired(program, monkeypatch):
    """By the name of the client's program."""
    return lambda name: Wired(program(name), monkeypatch)


def seen(done: subprocess.CompletedProcess) -> str:
    """All that it printed, without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def test_claude_code(wired):
    agent = wired("claude")
    assert "MCP server registered with Claude Code." in agent.setup("claude-code")
    assert "✔ Connected" in seen(agent.client.run("mcp", "list"))
    begun = agent.client.run("-p", "x", "--output-format", "stream-json", "--verbose", said="hi").stdout
    assert {name for name in TOOLS if f"mcp__aimx__{name}" in begun} == TOOLS, begun
    assert "unregistered from Claude Code" in agent.remove("claude-code")
    assert "aimx" not in seen(agent.client.run("mcp", "list"))


def test_claude_code_that_has_another_entry(wired):
    agent = wired("claude")
    agent.client.run("mcp", "add", "--scope", "user", "aimx", "--", "/bin/false", "mcp")
    assert "MCP server registered with Claude Code." in agent.setup("claude-code")
    assert "✔ Connected" in seen(agent.client.run("mcp", "list"))


def test_codex(wired):
    agent = wired("codex")
    assert "MCP server registered with Codex CLI." in agent.setup("codex")
    assert f"{os.path.dirname(sys.executable)}/aimx" in seen(agent.client.run("mcp", "get", "aimx"))
    agent.remove("codex")
    assert "aimx" not in agent.client.run("mcp", "list", "--json").stdout


def test_gemini_cli(wired):
    agent = wired("gemini")
    agent.setup("gemini")
    settings = agent.paste()
    agent.client.write(".gemini/trustedFolders.json", {str(agent.client.home): "TRUST_FOLDER"})
    assert re.search(r"✓ aimx: .* - Connected", seen(agent.client.run("mcp", "list")))
    assert f"out of {settings}" in agent.remove("gemini")
    settings.write_text('{"mcpServers": {}}')
    assert "aimx" not in seen(agent.client.run("mcp", "list"))


def test_opencode(wired):
    agent = wired("opencode")
    agent.setup("opencode")
    config = agent.paste()
    assert "✓ aimx connected" in seen(agent.client.run("mcp", "list"))
    assert f"out of {config}" in agent.remove("opencode")
    config.write_text('{"mcp": {}}')
    assert "aimx" not in seen(agent.client.run("mcp", "list"))


def test_openclaw(wired):
    agent = wired("openclaw")
    agent.setup("openclaw")
    agent.type()
    probed = seen(agent.client.run("mcp", "probe", "aimx"))
    assert f"{len(TOOLS)} tools" in probed, probed
    agent.remove("openclaw")
    agent.type()
    assert "aimx" not in (agent.client.home / ".openclaw/openclaw.json").read_text().replace("skills/aimx", "")


def test_hermes(wired):
    agent = wired("hermes")
    agent.setup("hermes")
    config = agent.paste()
    tested = seen(agent.client.run("mcp", "test", "aimx"))
    assert "Connected" in tested and all(name in tested for name in TOOLS), tested
    assert f"out of {config}" in agent.remove("hermes")
    config.write_text("mcp_servers: {}\n")
    assert "Connected" not in seen(agent.client.run("mcp", "test", "aimx"))
