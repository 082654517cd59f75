"""NanoClaw's `.mcp.json`: the one configuration of another program that we write to (guide).

Its comments, order, mode and a link to it stay; it is exchanged whole or not at all.
"""

import json
from pathlib import Path

from aimx import limits
from aimx.errors import Refused
from aimx.integrations import homefiles, json5, snippets
from aimx.integrations.api import Note, Program, Tell
from aimx.integrations.homes import Home

_PATH = ("mcpServers", snippets.NAME)


def need_fork(home: Home) -> None:
    """Raises: Refused when there is no clone; one that we made would stop a later `git clone`."""
    if not home.nanoclaw.is_dir():
        raise Refused(
            f"{home.nanoclaw} does not exist: NanoClaw runs from your own clone. Make one"
            f" (git clone https://github.com/qwibitai/nanoclaw {snippets.shell((str(home.nanoclaw),))})"
            " or let NANOCLAW_HOME name it"
        )


def merge(path: Path, program: Program, force: bool, tell: Tell) -> None:
    """Add our server, or replace its entry with `force`. Raises: Refused; OSError."""
    text = _read(path)
    try:
        found = json5.get(text or "", _PATH)
        fresh = json5.put(text or "", _PATH, snippets.server(program))
    except json5.NotJson5 as error:
        raise _broken(path, error) from error
    if found is not None and _same(found, program):
        tell(Note("ok", f"mcpServers.aimx is in {path} already"))
        return
    if found is not None and not force:
        tell(Note("warn", f"mcpServers.aimx already exists in {path}; pass --force to overwrite"))
        return
    homefiles.replace(path, fresh)
    done = f"created {path} with mcpServers.aimx" if text is None else f"merged mcpServers.aimx into {path}"
    tell(Note("ok", done))


def unmerge(path: Path, tell: Tell) -> None:
    """Take our server out. Raises: Refused; OSError."""
    text = _read(path) or ""
    try:
        fresh = json5.remove(text, _PATH)
    except json5.NotJson5 as error:
        raise _broken(path, error) from error
    if fresh == text:
        tell(Note("text", f"mcpServers.aimx is not in {path}"))
        return
    homefiles.replace(path, fresh)
    tell(Note("ok", f"removed mcpServers.aimx from {path}"))


def preview(path: Path, program: Program) -> str:
    """What `merge` would make of the file. Raises: Refused; OSError."""
    try:
        return json5.put(_read(path) or "", _PATH, snippets.server(program))
    except json5.NotJson5 as error:
        raise _broken(path, error) from error


def _read(path: Path) -> str | None:
    try:
        return homefiles.read(path, limits.AGENT_CONFIG_CHARS + 1)
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is no UTF-8; nothing was changed") from error


def _same(found: str, program: Program) -> bool:
    try:
        return bool(json.loads(found) == snippets.server(program))
    except json.JSONDecodeError:
        return False


def _broken(path: Path, error: json5.NotJson5) -> Refused:
    return Refused(f"{path}: {error.reason}; nothing was changed")
