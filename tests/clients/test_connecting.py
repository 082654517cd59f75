"""Each program is told of `aimx mcp` in its own way, starts it, and sees our tools. None is logged in anywhere."""

import json
import re

import pytest

from aimx.mcp import table

TOOLS = {tool.name for tool in table.TOOLS}


def _without_colours(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _variables(program, flag: str) -> list[str]:
    return [word for name, value in program.server_env.items() for word in (flag, f"{name}={value}")]


def test_claude_code(program):
    claude = program("claude")
    added = claude.run("mcp", "add", "--scope", "user", "aimx", *_variables(claude, "-e"), "--", *claude.server)
    assert added.returncode == 0, added.stderr
    listed = claude.run("mcp", "list")
    assert "✔ Connected" in listed.stdout, listed
    begun = claude.run("-p", "x", "--output-format", "stream-json", "--verbose", said="hi").stdout
    first = json.loads(begun.splitlines()[0])
    assert (first["type"], first["subtype"]) == ("system", "init")
    assert [(one["name"], one["status"]) for one in first["mcp_servers"]] == [("aimx", "connected")]
    assert {name.removeprefix("mcp__aimx__") for name in first["tools"] if name.startswith("mcp__")} == TOOLS


def test_codex(program):
    codex = program("codex")
    added = codex.run("mcp", "add", "aimx", *_variables(codex, "--env"), "--", *codex.server)
    assert added.returncode == 0, added.stderr
    (listed,) = json.loads(codex.run("mcp", "list", "--json").stdout)
    assert (listed["name"], listed["enabled"]) == ("aimx", True)
    with codex.start("app-server") as server:
        assert server.stdin and server.stdout

        def say(**message):
            server.stdin.write(json.dumps(message) + "\n")
            server.stdin.flush()

        def answer(number):
            return next(told for told in map(json.loads, server.stdout) if told.get("id") == number)

        say(id=1, method="initialize", params={"clientInfo": {"name": "test", "title": "Test", "version": "1"}})
        assert "result" in answer(1)
        say(method="initialized")
        say(id=2, method="mcpServerStatus/list", params={})
        (status,) = answer(2)["result"]["data"]
        server.terminate()
    assert (status["name"], status["serverInfo"]["name"]) == ("aimx", "aimx")
    assert status["tools"].keys() == TOOLS
    assert status["tools"]["email_read"]["annotations"]["readOnlyHint"] is True
    assert "aimx://guide" in [one["uri"] for one in status["resources"]]
    assert len(status["resourceTemplates"]) == 2


def test_gemini_cli(program):
    gemini = program("gemini")
    server = {"command": gemini.server[0], "args": gemini.server[1:], "env": gemini.server_env}
    settings = {"security": {"folderTrust": {"enabled": False}}, "mcpServers": {"aimx": server}}
    gemini.write(".gemini/settings.json", settings)
    listed = gemini.run("mcp", "list")
    assert re.search(r"✓ aimx: .* - Connected", _without_colours(listed.stdout + listed.stderr)), listed


def test_opencode(program):
    opencode = program("opencode")
    server = {"type": "local", "command": opencode.server, "enabled": True, "environment": opencode.server_env}
    opencode.write(".config/opencode/opencode.json", {"mcp": {"aimx": server}})
    listed = opencode.run("mcp", "list")
    assert "✓ aimx connected" in _without_colours(listed.stdout), listed


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_mcp_inspector(program, era):
    inspector = program("inspector")
    server = {
        "type": "stdio", "command": inspector.server[0], "args": inspector.server[1:], "env": inspector.server_env,
        "protocolEra": era,
    }  # fmt: skip
    config = str(inspector.write("mcp.json", {"mcpServers": {"aimx": server}}))

    def ask(method, *more):
        words = ("--cli", "--config", config, "--server", "aimx", "--format", "json", "--method", method, *more)
        done = inspector.run(*words)
        assert done.returncode == 0, done
        return json.loads(done.stdout)["result"]

    assert {tool["name"] for tool in ask("tools/list")["tools"]} == TOOLS
    assert len(ask("resources/templates/list")["resourceTemplates"]) == 2
    (guide,) = ask("resources/read", "--uri", "aimx://guide")["contents"]
    assert guide["text"].startswith("# Email with aimx")
    prompt = ask("prompts/get", "--prompt-name", "triage_inbox", "--prompt-args", "mailbox=ops")
    assert "my mailbox ops" in prompt["messages"][0]["content"]["text"]
