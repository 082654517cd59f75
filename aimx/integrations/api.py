"""What the commands, the picker and the work behind them exchange about wiring an agent."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, NamedTuple

from aimx.integrations.registry import Agent

# Shown in lists; the picker shows `stale` as wired, with a word.
State = Literal["wired", "stale", "installed", "not-detected"]


class Program(NamedTuple):
    """The words that start our MCP server: the running program, `--data-dir` and its value if given.

    `lead`: words between the path and what is meant for us, where the path is an interpreter's.
    """

    path: str
    data_dir: Path | None
    lead: tuple[str, ...] = ()

    def args(self) -> tuple[str, ...]:
        """All words after the path."""
        chosen = () if self.data_dir is None else ("--data-dir", str(self.data_dir))
        return (*self.lead, *chosen, "mcp")


class File(NamedTuple):
    """A file of a bundle, its path relative to the destination."""

    path: str
    text: str


class Seen(NamedTuple):
    """An agent as found in somebody's home. `version`: the stamp of what is installed, None without one."""

    agent: Agent
    state: State
    destination: Path
    version: str | None


class Note(NamedTuple):
    """A line for the user. `block` is to be copied as it stands."""

    kind: Literal["text", "ok", "warn", "hint", "block"]
    text: str


class Outcome(NamedTuple):
    """What became of one agent. `error`: why it failed, None when it did not."""

    agent: Agent
    destination: Path
    error: str | None


Tell = Callable[[Note], None]
# Files that are there already and would be overwritten; whether they may be.
Overwrite = Callable[[tuple[Path, ...]], bool]
