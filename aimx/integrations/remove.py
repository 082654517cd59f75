"""Take one agent's bundle and registration away again: the inverse of install.py. Files that are not ours stay."""

import contextlib
import os
from pathlib import Path

from aimx.errors import AimxError
from aimx.integrations import bundle, homefiles, nanoclaw, register
from aimx.integrations.api import Note, Outcome, Tell
from aimx.integrations.homes import Home
from aimx.integrations.registry import Agent


def remove(agent: Agent, home: Home, tell: Tell) -> Outcome:
    """Remove, unregister, and tell what the user has still to do."""
    destination = home.path(agent.files.destination)
    try:
        shown = destination / bundle.main_file(agent) if agent.files.shape == "recipe" else destination
        if _remove(agent, destination, tell):
            tell(Note("ok", f"Removed {shown}"))
        else:
            tell(Note("text", f"{shown} is not there"))
        homefiles.drop_legacy(agent.name, home)
        _deactivate(agent, home, tell)
    except AimxError as error:
        return Outcome(agent, destination, error.reason)
    except OSError as error:
        return Outcome(agent, destination, homefiles.told(error))
    return Outcome(agent, destination, None)


def _remove(agent: Agent, destination: Path, tell: Tell) -> bool:
    """Whether anything was there. The main file goes first: without it the agent knows nothing of the rest."""
    names = bundle.names(agent)
    there = [path for path in (destination / name for name in names) if os.path.lexists(path) and not _directory(path)]
    for path in there:
        path.unlink()
    if agent.files.shape == "skill":
        for directory in (destination / "references", destination):
            with contextlib.suppress(OSError):
                directory.rmdir()
        if destination.is_dir() and any(destination.iterdir()):
            tell(Note("warn", f"{destination} holds files that aimx has not written; they stay"))
    return bool(there)


def _directory(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _deactivate(agent: Agent, home: Home, tell: Tell) -> None:
    activation = agent.activation
    if activation.kind == "command":
        register.remove(agent, home, tell)
    elif activation.kind == "merge":
        nanoclaw.unmerge(home.path(activation.file), tell)
    elif activation.kind == "printed":
        tell(Note("hint", "To unregister the MCP server, run:"))
        tell(Note("block", register.removal(activation)))
    elif activation.kind == "snippet":
        tell(Note("hint", f"Take the entry `aimx` out of {home.path(activation.file)}, then restart {agent.display}."))
