"""Agents are wired into a home and taken out again. Their own programs are stand-ins that keep what they are told."""

import json
import os
import resource
import select
import signal
import stat
from pathlib import Path

import pytest

from aimx import limits
from aimx.integrations import bundle, homes, install, registry, remove, states
from aimx.integrations.api import Program

PROGRAM = Program("/usr/local/bin/aimx", None)
ELSEWHERE = Program("/opt/aimx/bin/aimx", Path("/srv/mail"))
agents = pytest.mark.parametrize("agent", registry.agents(), ids=lambda agent: agent.name)
# As the real ones behave (2.1 and 0.169): claude refuses a second entry, codex replaces it.
CLAUDE = """#!/bin/sh
echo "$*" >> "$HOME/said"
file=$HOME/.claude.json
case "$2" in
  add) [ -e "$HOME/broken" ] && [ "$7" != /usr/local/bin/aimx ] && { echo "no such luck" >&2; exit 3; }
       grep -q aimx "$file" 2>/dev/null && { echo "MCP server aimx already exists in user config" >&2; exit 1; }
       shift 6; command=$1; shift; words=
       for word; do words="$words${words:+, }\\"$word\\""; done
       entry='{"type": "stdio", "command": "'$command'", "args": ['$words'], "env": {}}'
       echo '{"mcpServers": {"aimx": '"$entry"'}}' >"$file" ;;
  add-json) echo '{"mcpServers": {"aimx": '"$6"'}}' >"$file" ;;
  remove) [ -e "$file" ] || { echo "No MCP server found" >&2; exit 1; }; rm "$file" ;;
esac
"""
CODEX = """#!/bin/sh
echo "$*" >> "$HOME/said"
"""


class House:
    """A home, the agents' programs in it, and what was said."""

    def __init__(self, root):
        self.path, self.programs = root / "home", root / "bin"
        self.path.mkdir()
        self.programs.mkdir()
        self.home = homes.of("alice", self.path, {})
        self.notes, self.asked, self.answer = [], [], False

    def has(self, name, script):
        """An agent's program is installed."""
        (self.programs / name).write_text(script)
        (self.programs / name).chmod(0o755)

    def install(self, name, program=PROGRAM, force=False):
        """As the command does it."""
        self.notes = []
        return install.install(
            registry.find(name), self.home, program, force=force, tell=self.notes.append, overwrite=self._overwrite
        )

    def remove(self, name):
        self.notes = []
        return remove.remove(registry.find(name), self.home, self.notes.append)

    def _overwrite(self, paths):
        self.asked.append(paths)
        return self.answer

    def said(self):
        file = self.path / "said"
        return file.read_text().splitlines() if file.exists() else []

    def files(self):
        return sorted(str(path.relative_to(self.path)) for path in self.path.rglob("*") if not path.is_dir())

    def text(self):
        return "\n".join(note.text for note in self.notes)


@pytest.fixture
def house(tmp_path, monkeypatch):
    found = House(tmp_path)
    monkeypatch.setenv("HOME", str(found.path))
    monkeypatch.setenv("PATH", f"{found.programs}:/usr/bin:/bin")
    monkeypatch.delenv("GOOSE_RECIPE_GITHUB_REPO", raising=False)
    return found


@agents
def test_wired_and_out_again(house, agent):
    (house.path / "nanoclaw").mkdir()
    assert house.install(agent.name).error is None
    destination = house.home.path(agent.files.destination)
    assert {file for file in house.files() if file.startswith(str(destination.relative_to(house.path)))} == {
        str((destination / name).relative_to(house.path)) for name in bundle.names(agent)
    }
    assert states.one(agent, house.home).state == "wired"
    assert house.install(agent.name).error is None and house.asked == [], "the same again is nothing"
    assert house.remove(agent.name).error is None
    assert [file for file in house.files() if "aimx" in file] == []
    assert not (destination / bundle.main_file(agent)).exists()
    assert states.one(agent, house.home).state in ("installed", "not-detected")
    assert house.remove(agent.name).error is None and "is not there" in house.text()


@agents
def test_nothing_is_detected_in_an_empty_home(house, agent):
    assert states.one(agent, house.home).state == "not-detected"
    house.home.path(agent.files.detected).mkdir(parents=True)
    assert states.one(agent, house.home).state == "installed"


def test_nothing_remains_behind_a_link(house):
    kept = house.path / "dotfiles"
    kept.mkdir()
    (house.path / ".hermes/skills").mkdir(parents=True)
    (house.path / ".hermes/skills/aimx").symlink_to(kept)
    house.install("hermes")
    assert house.remove("hermes").error is None
    assert list(kept.iterdir()) == [] and "they stay" not in house.text()


def test_a_link_that_leads_nowhere_goes_too(house):
    skill = house.path / ".hermes/skills/aimx/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.symlink_to("gone")
    assert house.remove("hermes").error is None
    assert not skill.parent.exists()


def test_a_pipe_in_a_files_place_is_not_waited_for(house):
    skill = house.path / ".hermes/skills/aimx/SKILL.md"
    skill.parent.mkdir(parents=True)
    os.mkfifo(skill)
    (house.path / "nanoclaw").mkdir()
    os.mkfifo(house.path / "nanoclaw/.mcp.json")
    os.mkfifo(house.path / ".claude.json")
    assert states.one(registry.find("hermes"), house.home).state == "installed"
    assert f"{house.path}/nanoclaw/.mcp.json: not a regular file" in house.install("nanoclaw").error
    assert not (house.path / "nanoclaw/skills").exists(), "nothing is half-done"
    assert house.install("claude-code").error is None


def test_a_full_disk_names_the_file_and_leaves_it(house):
    house.install("hermes")
    skill = house.path / ".hermes/skills/aimx/SKILL.md"
    skill.write_text("mine")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        error = house.install("hermes", force=True).error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert error == f"{skill}: File too large"
    assert skill.read_text() == "mine" and [path for path in house.files() if ".aimx-" in path] == []


def test_modes_of_new_files(house):
    previous = os.umask(0o077)
    try:
        house.install("hermes")
    finally:
        os.umask(previous)
    destination = house.path / ".hermes/skills/aimx"
    assert stat.S_IMODE((destination / "SKILL.md").stat().st_mode) == 0o644
    assert sorted(path.name for path in destination.iterdir()) == ["SKILL.md", "references"]


def test_another_text_is_asked_about(house):
    house.install("hermes")
    skill = house.path / ".hermes/skills/aimx/SKILL.md"
    skill.write_text("mine, about aimx")
    assert "pass --force" in house.install("hermes").error
    assert house.asked == [(skill,)] and skill.read_text() == "mine, about aimx"
    assert states.one(registry.find("hermes"), house.home).state == "stale"
    house.answer = True
    assert house.install("hermes").error is None
    skill.write_text("mine again")
    assert house.install("hermes", force=True).error is None and len(house.asked) == 2
    assert "aimx-bundle" in skill.read_text()


def test_an_older_bundle_is_seen_to_be_old(house):
    house.install("codex")
    skill = house.path / ".codex/skills/aimx/SKILL.md"
    skill.write_text(skill.read_text().replace("aimx-bundle: ", "aimx-bundle: 0.0.1-"))
    seen = states.one(registry.find("codex"), house.home)
    assert seen.state == "stale" and seen.version.startswith("0.0.1-")


def test_what_the_user_put_beside_it_stays(house):
    house.install("hermes")
    mine = house.path / ".hermes/skills/aimx/notes.md"
    mine.write_text("mine")
    assert house.remove("hermes").error is None
    assert mine.read_text() == "mine" and "they stay" in house.text()


def test_a_link_to_the_skill_is_written_through(house):
    kept = house.path / "dotfiles"
    kept.mkdir()
    (house.path / ".claude/skills").mkdir(parents=True)
    (house.path / ".claude/skills/aimx").symlink_to(kept)
    assert house.install("claude-code").error is None
    assert (kept / "SKILL.md").exists() and (house.path / ".claude/skills/aimx").is_symlink()


def test_the_old_plugin_goes(house):
    (house.path / ".claude/plugins/aimx/skills").mkdir(parents=True)
    house.install("claude-code")
    assert not (house.path / ".claude/plugins/aimx").exists()


def test_directories_of_the_environment(tmp_path):
    home = homes.of("a", tmp_path, {"XDG_CONFIG_HOME": "/x", "NANOCLAW_HOME": "/n"})
    assert home.path("$XDG_CONFIG_HOME/goose/recipes") == Path("/x/goose/recipes")
    assert home.path("$NANOCLAW_HOME") == Path("/n")
    relative = homes.of("a", tmp_path, {"XDG_CONFIG_HOME": "x", "NANOCLAW_HOME": ""})
    assert (relative.config, relative.nanoclaw) == (tmp_path / ".config", tmp_path / "nanoclaw")


def test_a_home_that_cannot_be_written_is_an_error(house):
    (house.path / ".hermes").write_text("a file")
    assert "Not a directory" in house.install("hermes").error


# Registration


def test_claude_is_told(house):
    house.has("claude", CLAUDE)
    house.install("claude-code", ELSEWHERE)
    assert house.said() == ["mcp add --scope user aimx -- /opt/aimx/bin/aimx --data-dir /srv/mail mcp"]
    assert "MCP server registered with Claude Code." in house.text() and "Restart Claude Code" in house.text()
    house.install("claude-code", ELSEWHERE)
    assert len(house.said()) == 1 and "already" in house.text()
    house.remove("claude-code")
    assert house.said()[1:] == ["mcp remove --scope user aimx"]


def test_another_entry_of_claudes_is_replaced(house):
    house.has("claude", CLAUDE)
    house.install("claude-code", PROGRAM)
    house.install("claude-code", ELSEWHERE)
    entry = json.loads((house.path / ".claude.json").read_text())["mcpServers"]["aimx"]
    assert (entry["command"], entry["args"]) == ("/opt/aimx/bin/aimx", ["--data-dir", "/srv/mail", "mcp"])


def test_a_working_entry_of_claudes_is_never_lost(house):
    house.has("claude", CLAUDE)
    house.install("claude-code", PROGRAM)
    before = json.loads((house.path / ".claude.json").read_text())
    (house.path / "broken").touch()
    assert house.install("claude-code", ELSEWHERE).error is None
    assert json.loads((house.path / ".claude.json").read_text()) == before
    assert "MCP auto-registration failed: no such luck (exit 3)" in house.text()
    assert "claude mcp add --scope user aimx -- /opt/aimx/bin/aimx --data-dir /srv/mail mcp" in house.text()


def test_a_working_entry_survives_a_removal_that_only_says_that_it_failed(house):
    house.has("claude", CLAUDE.replace('rm "$file"', 'rm "$file"; exit 9'))
    house.install("claude-code", PROGRAM)
    before = json.loads((house.path / ".claude.json").read_text())
    assert house.install("claude-code", ELSEWHERE).error is None
    assert json.loads((house.path / ".claude.json").read_text()) == before
    assert "what was registered before is back" in house.text()


def test_a_working_entry_survives_ctrl_c(house):
    """It arrives while the other entry is added: that command is told to send it."""
    house.has("claude", CLAUDE)
    house.install("claude-code", PROGRAM)
    before = json.loads((house.path / ".claude.json").read_text())
    adds = 'add) [ -e "$file" ] || { kill -INT $PPID; while :; do sleep 1; done; }\n'
    house.has("claude", CLAUDE.replace("add)", adds, 1))
    with pytest.raises(KeyboardInterrupt):
        house.install("claude-code", ELSEWHERE)
    assert json.loads((house.path / ".claude.json").read_text()) == before


def test_a_program_that_hangs_ends_with_all_it_started(house, monkeypatch):
    monkeypatch.setattr(limits, "AGENT_COMMAND_S", 1)
    fifo = house.path / "held"
    os.mkfifo(fifo)
    house.has("codex", '#!/bin/sh\nsleep 1000 3>"$HOME/held" &\nwait\n')
    end = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    try:
        house.install("codex")
        try:
            assert os.read(end, 1) == b""
        except BlockingIOError:  # somebody still held the other end
            assert select.select([end], [], [], 60)[0], "somebody holds the other end"
    finally:
        os.close(end)
    assert "codex did not end within 1 s" in house.text()


def test_what_a_program_leaves_running_is_not_waited_for(house):
    house.has("codex", '#!/bin/sh\nsleep 1000 &\necho $! >"$HOME/pid"\n')
    house.install("codex")
    os.kill(int((house.path / "pid").read_text()), signal.SIGKILL)
    assert "MCP server registered with Codex CLI." in house.text()


def test_a_program_writes_into_the_same_home(house, monkeypatch):
    monkeypatch.setenv("HOME", "/nowhere")
    house.has("codex", CODEX)
    house.install("codex")
    assert house.said() == ["mcp add aimx -- /usr/local/bin/aimx mcp"]


def test_a_program_that_cannot_be_started(house):
    house.has("codex", "no program\n")
    house.install("codex")
    assert "codex: Exec format error. Run it yourself:" in house.text()


def test_codex_is_told(house):
    house.has("codex", CODEX)
    house.install("codex")
    house.remove("codex")
    assert house.said() == ["mcp add aimx -- /usr/local/bin/aimx mcp", "mcp remove aimx"]


@pytest.mark.parametrize("name", ["claude-code", "codex"])
def test_without_their_program_the_command_is_printed(house, name):
    house.install(name)
    program = registry.find(name).activation.program
    assert f"{program} is not on PATH" in house.text() and f"\n{program} mcp add" in house.text()
    house.remove(name)
    assert f"\n{program} mcp remove" in house.text()


def test_what_a_program_says_is_made_inert(house):
    house.has("codex", "#!/bin/sh\nprintf 'a\\033]0;b\\007c\\n' >&2; exit 1\n")
    house.install("codex")
    assert "failed: a ]0;b c (exit 1)" in house.text()


# NanoClaw


def test_nanoclaw_needs_its_clone(house):
    outcome = house.install("nanoclaw")
    assert "git clone" in outcome.error and not (house.path / "nanoclaw").exists()


def test_nanoclaws_file(house):
    fork = house.path / "nanoclaw"
    fork.mkdir()
    real = house.path / "real.json"
    real.write_text("{\n  // tokens\n  mcpServers: {\n    other: {command: 'x'}, // mine\n  },\n}\n")
    real.chmod(0o600)
    (fork / ".mcp.json").symlink_to(real)
    house.install("nanoclaw", ELSEWHERE)
    assert (fork / ".mcp.json").is_symlink() and stat.S_IMODE(real.stat().st_mode) == 0o600
    assert real.read_text() == (
        "{\n  // tokens\n  mcpServers: {\n    other: {command: 'x'}, // mine\n    \"aimx\": {\n"
        '      "command": "/opt/aimx/bin/aimx",\n      "args": [\n        "--data-dir",\n        "/srv/mail",\n'
        '        "mcp"\n      ]\n    }\n  },\n}\n'
    )
    assert "merged mcpServers.aimx" in house.text()
    house.install("nanoclaw", PROGRAM)
    assert "pass --force to overwrite" in house.text() and "/opt/aimx" in real.read_text()
    house.install("nanoclaw", PROGRAM, force=True)
    assert "/opt/aimx" not in real.read_text()
    house.remove("nanoclaw")
    assert "aimx" not in real.read_text() and "// mine" in real.read_text()


def test_a_broken_file_of_nanoclaws_is_left_alone(house):
    fork = house.path / "nanoclaw"
    fork.mkdir()
    (fork / ".mcp.json").write_text("{ nonsense")
    assert "nothing was changed" in house.install("nanoclaw").error
    assert (fork / ".mcp.json").read_text() == "{ nonsense"
