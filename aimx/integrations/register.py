"""Our server in the registers of agents that have a command for it. A working entry is never lost to a failed one (P7).

Runs the agents' own programs, as the user and with his environment; each within a time, none asked anything.
"""

import json
import subprocess
from typing import NamedTuple

from aimx import limits
from aimx.integrations import json5, snippets
from aimx.integrations.api import Note, Program, Tell
from aimx.integrations.homes import Home
from aimx.integrations.registry import Activation, Agent


class _Ran(NamedTuple):
    """`code` None: the program is not there."""

    code: int | None
    why: str


def add(agent: Agent, home: Home, program: Program, tell: Tell) -> None:
    """Register, and tell how it went; when it did not go, what the user can type himself."""
    activation = agent.activation
    old = _entry(activation, home)
    if old is not None and _same(old, program):
        tell(Note("ok", f"MCP server is registered with {agent.display} already."))
        return
    ran = _run((activation.program, *snippets.words(activation.add, program)), home)
    if ran.code not in (0, None) and old is not None:
        ran = _replace(activation, home, program, old)
    if ran.code == 0:
        tell(Note("ok", f"MCP server registered with {agent.display}."))
        tell(Note("hint", activation.after))
        return
    if ran.code is None:
        tell(Note("hint", f"{activation.program} is not on PATH. Once it is, run:"))
    else:
        tell(Note("warn", f"MCP auto-registration failed: {ran.why}. Run it yourself:"))
    tell(Note("block", command(activation, program)))
    tell(Note("hint", activation.after))


def remove(agent: Agent, home: Home, tell: Tell) -> None:
    """Take it out again, and tell how that went."""
    activation = agent.activation
    argv = (activation.program, *activation.remove)
    ran = _run(argv, home)
    if ran.code == 0:
        tell(Note("ok", f"MCP server unregistered from {agent.display}."))
    elif activation.entry and ran.code is not None and _entry(activation, home) is None:
        tell(Note("text", f"MCP server was not registered with {agent.display}."))
    else:
        why = f"{activation.program} is not on PATH" if ran.code is None else ran.why
        tell(Note("warn", f"MCP server could not be unregistered from {agent.display}: {why}. Run it yourself:"))
        tell(Note("block", removal(activation)))


def command(activation: Activation, program: Program) -> str:
    """The command line that registers."""
    return snippets.shell((activation.program, *snippets.words(activation.add, program)))


def removal(activation: Activation) -> str:
    """The command line that takes it out again."""
    return snippets.shell((activation.program, *activation.remove))


def _replace(activation: Activation, home: Home, program: Program, old: str) -> _Ran:
    """Where an entry has to go before another comes: back with it when the other does not."""
    ran = _run((activation.program, *activation.remove), home)
    if ran.code != 0:
        return ran
    ran = _run((activation.program, *snippets.words(activation.add, program)), home)
    if ran.code == 0:
        return ran
    back = _run((activation.program, *snippets.words(activation.restore, program, old)), home)
    stands = "what was registered before is back" if back.code == 0 else f"what was registered before was {old}"
    return _Ran(ran.code, f"{ran.why}; {stands}")


def _entry(activation: Activation, home: Home) -> str | None:
    """What is registered under our name, as JSON; None when nothing is, or it cannot be told."""
    if not activation.entry:
        return None
    try:
        text = home.path(activation.entry).read_text("utf-8")
        found = json5.get(text, ("mcpServers", snippets.NAME))
        return json.dumps(json.loads(found), ensure_ascii=False) if found is not None else None
    except (OSError, UnicodeDecodeError, json5.NotJson5, json.JSONDecodeError):
        return None


def _same(entry: str, program: Program) -> bool:
    found = json.loads(entry)
    return isinstance(found, dict) and snippets.server(program).items() <= found.items()


def _run(argv: tuple[str, ...], home: Home) -> _Ran:
    try:
        ran = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, cwd=home.home,
            timeout=limits.AGENT_COMMAND_S,
        )  # fmt: skip
    except FileNotFoundError:
        return _Ran(None, "")
    except subprocess.TimeoutExpired:
        return _Ran(-1, f"{argv[0]} did not end within {limits.AGENT_COMMAND_S} s")
    except OSError as error:
        return _Ran(-1, f"{argv[0]}: {error.strerror}")
    words = (ran.stderr or ran.stdout).decode("utf-8", "replace").strip().split("\n")
    first = "".join(character if character.isprintable() else " " for character in words[0])
    return _Ran(ran.returncode, f"{first} (exit {ran.returncode})".strip())
