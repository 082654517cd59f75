"""How our MCP server is written into other programs' configuration: JSON, YAML and shell words. Computes only.

What is written here reads back as exactly the same words. They hold nothing invisible (program.py).
"""

import json
import re

from aimx.integrations.api import Program
from aimx.integrations.registry import Activation

NAME = "aimx"
# A plain YAML scalar that no version of YAML takes for something else; everything else is quoted.
_YAML_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/._+-]*|--[a-z-]+")
_YAML_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_SHELL_PLAIN = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")


def server(program: Program) -> dict[str, object]:
    """The entry of one server, as most clients write it."""
    return {"command": program.path, "args": list(program.args())}


def entry(activation: Activation, program: Program) -> str:
    """The block that the user adds to the configuration of an agent.

    Args:
        activation: one of kind `snippet` or `merge`.
    """
    if activation.format == "mcp_servers":
        return _hermes(program)
    if activation.format == "opencode":
        command = [program.path, *program.args()]
        return _json({"mcp": {NAME: {"type": "local", "command": command, "enabled": True}}})
    return _json({"mcpServers": {NAME: server(program)}})


def words(argv: tuple[str, ...], program: Program, old: str = "") -> tuple[str, ...]:
    """An argv of the registry with our server in it, or with an entry that was there before."""
    found: list[str] = []
    for word in argv:
        if word == "{command}":
            found += [program.path, *program.args()]
        elif word == "{json}":
            found.append(json.dumps(server(program), ensure_ascii=False, separators=(",", ":")))
        else:
            found.append(old if word == "{old}" else word)
    return tuple(found)


def shell(argv: tuple[str, ...]) -> str:
    """A command line for a POSIX shell (2.2.2: between single quotes everything is itself)."""
    return " ".join(map(_shell_word, argv))


def yaml_scalar(text: str) -> str:
    """A scalar of YAML 1.1 and 1.2 alike: plain where that is safe, else double-quoted (YAML 1.2.2, 7.3.1)."""
    if _YAML_PLAIN.fullmatch(text) and text.lower() not in _YAML_WORDS:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _shell_word(text: str) -> str:
    if _SHELL_PLAIN.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _hermes(program: Program) -> str:
    args = ", ".join(map(yaml_scalar, program.args()))
    return f"mcp_servers:\n  {NAME}:\n    command: {yaml_scalar(program.path)}\n    args: [{args}]\n    enabled: true"
