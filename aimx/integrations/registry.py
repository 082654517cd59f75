"""The supported agents, in the order in which they are shown everywhere: a row each, read from `agents/*/agent.toml`.

Values only: where things go in somebody's home is `homes.py`, what is written there `bundle.py`.
"""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Literal

import msgspec

BUNDLES = Path(__file__).parent / "bundles"  # agents/ of the source tree


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is installed for an agent. Paths begin with $HOME, $XDG_CONFIG_HOME or $NANOCLAW_HOME.

    `destination`: the directory that is written to. `detected`: the directory that shows that the agent is installed.
    `shape`: SKILL.md, or one recipe `aimx.yaml`. `references`: files of their own beside it, or part of it.
    """

    destination: str
    detected: str
    shape: Literal["skill", "recipe"]
    references: Literal["beside", "inlined"]


class Activation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the agent learns of our MCP server.

    `command`: we run `program` with `add`, and with `remove` to undo it. `printed`: the same, but the user runs it.
    `snippet`: the user adds a block in `format` to `file`. `merge`: we add it to `file`. `none`: nothing is needed.
    In argvs `{command}` stands for all words that start our server, `{json}` for the same as a JSON object.
    """

    kind: Literal["command", "printed", "snippet", "merge", "none"]
    program: str = ""
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    entry: str = (
        ""  # where `program` keeps what was added, as JSON below mcpServers; empty: adding replaces what is there
    )
    restore: tuple[str, ...] = ()  # adds such an entry again, which `{old}` stands for
    format: Literal["", "mcpServers", "opencode", "mcp_servers"] = ""
    file: str = ""
    after: str = ""  # what the user does next


class Agent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`name` is what the command line takes, `display` what people read."""

    name: str
    display: str
    order: int
    files: Files
    activation: Activation


@lru_cache(maxsize=1)
def agents() -> tuple[Agent, ...]:
    """All of them, in order."""
    rows = [tomllib.loads(path.read_text("utf-8")) for path in BUNDLES.glob("*/agent.toml")]
    return tuple(sorted((msgspec.convert(row, Agent) for row in rows), key=lambda agent: agent.order))


def find(name: str) -> Agent | None:
    """The agent of that name."""
    return next((agent for agent in agents() if agent.name == name), None)
