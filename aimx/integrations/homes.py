"""Whose home agents are wired in, and where things are in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Home(NamedTuple):
    """A user and his directories (guide, "Agents with batteries included")."""

    user: str | None
    home: Path
    config: Path
    nanoclaw: Path

    def path(self, text: str) -> Path:
        """A path of the registry, its variable replaced."""
        variable, _, rest = text.partition("/")
        roots = {"$HOME": self.home, "$XDG_CONFIG_HOME": self.config, "$NANOCLAW_HOME": self.nanoclaw}
        return roots[variable] / rest


def of(user: str | None, home: Path, environment: Mapping[str, str]) -> Home:
    """The directories that the environment names; a relative one counts as none (XDG Base Directory)."""
    config, nanoclaw = environment.get("XDG_CONFIG_HOME", ""), environment.get("NANOCLAW_HOME", "")
    return Home(
        user,
        home,
        Path(config) if config.startswith("/") else home / ".config",
        Path(nanoclaw) if nanoclaw.startswith("/") else home / "nanoclaw",
    )
