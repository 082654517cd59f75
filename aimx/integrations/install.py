"""Wire one agent: its bundle into the home, its register told. As the user whose agent it is."""

import os
from pathlib import Path

from aimx.errors import AimxError, Refused
from aimx.integrations import bundle, homefiles, nanoclaw, register, snippets
from aimx.integrations.api import File, Note, Outcome, Overwrite, Program, Tell
from aimx.integrations.homes import Home
from aimx.integrations.registry import Agent


def install(agent: Agent, home: Home, program: Program, *, force: bool, tell: Tell, overwrite: Overwrite) -> Outcome:
    """Write the bundle and register. What is there already in the same words is not written again.

    Args:
        force: overwrite other files, and another entry, without asking.
        overwrite: asked about files that are there with another text.
    """
    destination = home.path(agent.files.destination)
    try:
        if agent.activation.kind == "merge":
            nanoclaw.need_fork(home)
            nanoclaw.preview(
                home.path(agent.activation.file), program
            )  # what is refused there leaves nothing half-done
        _write(destination, bundle.files(agent, program), overwrite if not force else _always)
        tell(Note("ok", f"Installed {_shown(agent, destination)}"))
        homefiles.drop_legacy(agent.name, home)
        _activate(agent, home, program, force, tell)
    except AimxError as error:
        return Outcome(agent, destination, error.reason)
    except OSError as error:
        return Outcome(agent, destination, homefiles.told(error))
    return Outcome(agent, destination, None)


def activation(agent: Agent, home: Home, program: Program) -> tuple[Note, ...]:
    """What somebody does by hand for what `install` does not do for him."""
    found = agent.activation
    if found.kind == "none":
        notes: tuple[Note, ...] = ()
        if os.environ.get("GOOSE_RECIPE_GITHUB_REPO"):
            notes = (Note("hint", "GOOSE_RECIPE_GITHUB_REPO is set: commit the recipe there, so that others find it."),)
        return (Note("hint", found.after), *notes)
    if found.kind in ("command", "printed"):
        return Note("hint", "Run:"), Note("block", register.command(found, program)), Note("hint", found.after)
    return (
        Note("hint", f"Add this to {home.path(found.file)}:"),
        Note("block", snippets.entry(found, program)),
        Note("hint", found.after),
    )


def _activate(agent: Agent, home: Home, program: Program, force: bool, tell: Tell) -> None:
    if agent.activation.kind == "command":
        register.add(agent, home, program, tell)
    elif agent.activation.kind == "merge":
        nanoclaw.merge(home.path(agent.activation.file), program, force, tell)
        tell(Note("hint", agent.activation.after))
    else:
        for note in activation(agent, home, program):
            tell(note)


def _always(_: tuple[Path, ...]) -> bool:
    return True


def _shown(agent: Agent, destination: Path) -> Path:
    return destination / bundle.main_file(agent) if agent.files.shape == "recipe" else destination


def _write(destination: Path, files: tuple[File, ...], overwrite: Overwrite) -> None:
    """Each file whole or not at all; the main file, whose stamp says that all is there, last.

    Raises: Refused when files of another text may not be overwritten; OSError.
    """
    other = tuple(destination / file.path for file in files if _differs(destination / file.path, file.text))
    if other and not overwrite(other):
        raise Refused(f"destination files already exist under {destination}; pass --force to overwrite")
    for file in reversed(files):
        path = destination / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _there(path, file.text):
            homefiles.replace(path, file.text)


def _there(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()


def _differs(path: Path, text: str) -> bool:
    """Whether there is something, with another text."""
    return os.path.lexists(path) and not _there(path, text)
