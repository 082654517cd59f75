"""`aimx agents` as a user types it, in a home of its own. As root the command runs as somebody who is not."""

import json
import os
import pty
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from aimx.integrations import bundle, registry

# What is needed is loaded before it drops: the interpreter may lie where only root can reach it.
AS_USER = """
import os, sys
import msgspec, aimx.cli.main, aimx.cli.agents, aimx.cli.manual, aimx.effects.build, aimx.cli.agents_text
import aimx_tui.shell, aimx_tui.agents.app, textual.drivers.linux_inline_driver, aimx.config.suggest
from aimx.integrations import registry, bundle
for agent in registry.agents(): bundle.stamp(agent)
if os.environ.get("WARM"):
    import queue, pathlib, asyncio
    from aimx.integrations import homes, states
    from aimx_tui.agents import app, choice
    async def quit(pilot): await pilot.press("j", "question_mark", "enter", "q", "q")
    rows = states.look(homes.of("x", pathlib.Path(os.environ["HOME"]), {}))
    app.Picker("x", choice.begin(rows)).run(headless=True, auto_pilot=quit)
if os.geteuid() == 0 and os.environ.get("AS_ROOT") != "1":
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
sys.argv = ["aimx", *sys.argv[1:]]
aimx.cli.main.main()
"""


WHERE = "\x1b[6n"


class Home:
    """A home, and the command in it."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)
        self.env = {
            "HOME": str(path), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1",
            "TERM": "xterm", "PYTHONIOENCODING": "utf-8",
        }  # fmt: skip

    def has(self, *names):
        """Agents are installed."""
        for name in names:
            place = self.path / registry.find(name).files.detected.removeprefix("$HOME/")
            place.mkdir(parents=True)
            self._give(place)

    def _give(self, path):
        if os.geteuid() == 0:
            os.chown(path, 65534, 65534)

    def argv(self, *words):
        return [sys.executable, "-I", "-c", AS_USER, "agents", *words]

    def run(self, *words, code=0, **more):
        """What it prints; stdout and stderr."""
        done = subprocess.run(
            self.argv(*words), env={**self.env, **more}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout, done.stderr


@pytest.fixture
def home():
    """Not below tmp_path, which only its maker can enter."""
    with tempfile.TemporaryDirectory(prefix="aimxt-agents-") as name:
        os.chmod(name, 0o755)
        yield Home(Path(name) / "home")


def test_a_whole_round(home):
    home.has("hermes")
    out, _ = home.run("setup", "hermes")
    assert f"Installed {home.path}/.hermes/skills/aimx" in out
    assert "\nmcp_servers:\n  aimx:\n    command: " in out and "/reload-mcp" in out
    (row,) = [row for row in json.loads(home.run("list", "--json")[0]) if row["name"] == "hermes"]
    assert row == {
        "name": "hermes", "display": "Hermes", "state": "wired", "destination": f"{home.path}/.hermes/skills/aimx",
        "version": bundle.stamp(registry.find("hermes")),
    }  # fmt: skip
    out, _ = home.run("remove", "hermes")
    assert "Removed" in out and "Take the entry `aimx` out of" in out
    assert "installed" in next(line for line in home.run("list")[0].splitlines() if line.startswith("hermes"))


def test_the_data_directory_goes_along(home):
    out, _ = home.run("setup", "opencode", "--data-dir", "/custom/path")
    assert '"--data-dir",' in out and '"/custom/path",' in out


def test_all_forms_of_a_list_are_one(home):
    plain, _ = home.run("list")
    assert home.run("setup", "--list")[0] == plain
    out, err = home.run("setup", "--no-interactive")
    assert out == plain and "aimx agents setup <AGENT>" in err
    assert home.run("setup")[0] == plain, "nobody sits at a pipe"
    assert [line.split()[0] for line in plain.splitlines()[1:]] == [agent.name for agent in registry.agents()]


def test_print_writes_nothing(home):
    out, _ = home.run("setup", "claude-code", "--print")
    assert out.startswith("=== SKILL.md ===\n---\nname: aimx\n") and "=== references/hooks.md ===\n" in out
    assert "=== activation ===\nRun:\nclaude mcp add --scope user aimx -- " in out
    assert list(home.path.iterdir()) == []
    assert '"mcpServers"' in home.run("setup", "nanoclaw", "--print")[0]
    assert "needs the name of an agent" in home.run("setup", "--print", code=2)[1]


@pytest.mark.parametrize(("words", "reason"), [
    (("setup", "vim"), "unknown agent 'vim'; run `aimx agents list` to see supported agents"),
    (("remove", "vim"), "unknown agent 'vim'"),
    (("setup", "nanoclaw"), "git clone"),
    (("setup", "hermes", "--data-dir", "/a\x1b[2J"), "invisible characters"),
])  # fmt: skip
def test_what_is_refused(home, words, reason):
    out, err = home.run(*words, code=1)
    assert reason in err and "\x1b" not in out + err
    assert list(home.path.iterdir()) == []


def test_a_home_with_a_hostile_name(home):
    hostile = home.path / "a\x1b[31mb 'c"
    hostile.mkdir()
    home._give(hostile)
    out, err = home.run("setup", "hermes", HOME=str(hostile))
    assert "a\\x1b[31mb 'c/.hermes" in out and "\x1b" not in out + err
    assert (hostile / ".hermes/skills/aimx/SKILL.md").exists()


def test_print_of_a_file_that_is_none(home):
    (home.path / "nanoclaw/.mcp.json").mkdir(parents=True)
    out, err = home.run("setup", "nanoclaw", "--print", code=1)
    assert err == f"Error: {home.path}/nanoclaw/.mcp.json: not a regular file\n" and out == ""


def test_files_of_another_text_are_not_overwritten_unasked(home):
    home.run("setup", "hermes")
    skill = home.path / ".hermes/skills/aimx/SKILL.md"
    skill.write_text("mine, about aimx")
    assert "pass --force to overwrite" in home.run("setup", "hermes", code=1)[1]
    assert skill.read_text() == "mine, about aimx"
    home.run("setup", "hermes", "--force")
    assert "aimx-bundle" in skill.read_text()


@pytest.mark.root
@pytest.mark.parametrize("words", [("setup", "hermes"), ("setup",), ("remove", "hermes")])
def test_root_is_refused(home, words):
    _, err = home.run(*words, code=1, AS_ROOT="1", SUDO_USER="alice")
    assert f"sudo -u alice aimx agents {' '.join(words)}" in err and "--dangerously-allow-root" in err


@pytest.mark.root
def test_roots_name_for_the_user_is_a_word(home):
    _, err = home.run("setup", "hermes", code=1, AS_ROOT="1", SUDO_USER="a;b \x1b[2J")
    assert "sudo -u 'a;b \\x1b[2J' aimx agents setup hermes" in err


@pytest.mark.root
def test_root_may_look(home):
    home.run("list", AS_ROOT="1")
    home.run("setup", "--list", AS_ROOT="1")


def test_the_picker_on_a_terminal(home):
    home.has("hermes", "gemini")
    front, back = pty.openpty()
    process = subprocess.Popen(home.argv("setup"), env={**home.env, "WARM": "1"}, stdin=back, stdout=back, stderr=back)
    os.close(back)
    seen = _until(front, "", "Enter confirms")
    os.write(front, b"\r")
    seen = _until(front, seen, "Confirm?")
    os.write(front, b"y")
    seen = _until(front, seen, None)
    assert process.wait(timeout=60) == 0
    assert "==> Gemini CLI" in seen and "==> Hermes" in seen and "Summary" in seen
    for name in ("hermes", "gemini"):
        assert (home.path / f".{name}/skills/aimx/SKILL.md").exists()


def _until(front, seen, words):
    """Reads the terminal until those words came, or until its end."""
    while words is None or words not in seen:
        try:
            octets = os.read(front, 65536)
        except OSError:  # the other end is closed
            assert words is None, seen
            break
        before = seen.count(WHERE)
        seen += octets.decode("utf-8", "replace")
        for _ in range(seen.count(WHERE) - before):  # an inline app asks a terminal where its cursor is
            os.write(front, b"\x1b[1;1R")
    return seen
