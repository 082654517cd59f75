"""`tui.toml`: the theme and the keys of the person at the terminal. A fault in it is a notice; defaults go on.

Of what the person wrote the dashboard changes one line, that of the theme. Never follows anything but that one path.
"""

import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from aimx import limits
from aimx.errors import Refused

_THEME = re.compile(r"^[ \t]*theme[ \t]*=[ \t]*(?:\"[^\"\n]*\"|'[^'\n]*')", re.MULTILINE)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


class Settings(NamedTuple):
    """`keys`: binding id to keys, as Textual's keymap has it. `troubles`: what was not understood, a sentence each."""

    theme: str | None = None
    keys: dict[str, str] = {}  # noqa: RUF012  nobody changes it
    troubles: tuple[str, ...] = ()


def path() -> Path:
    """`$XDG_CONFIG_HOME/aimx/tui.toml`, else below `~/.config`; by its specification a relative one is none."""
    base = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(base) if os.path.isabs(base) else Path.home() / ".config") / "aimx" / "tui.toml"


def read(file: Path) -> Settings:
    """What it says. A file that is not there says nothing."""
    try:
        return _settings(_loads(_text(file)))
    except FileNotFoundError:
        return Settings()
    except OSError as error:
        return Settings(troubles=(f"{file} cannot be read: {error.strerror}",))
    except (ValueError, RecursionError) as error:  # of TOML, and of UTF-8
        return Settings(troubles=(f"{file} is not valid: {error}",))
    except Refused as refused:
        return Settings(troubles=(f"{file} {refused.reason}",))


def _loads(text: str) -> dict[str, Any]:
    import tomllib  # most people have no such file

    return tomllib.loads(text)


def _text(file: Path) -> str:
    """Raises: OSError, UnicodeDecodeError; Refused when it is no file to read."""
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as opened:
        if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
            raise Refused("is not a file")
        octets = opened.read(limits.TUI_SETTINGS_OCTETS + 1)
    if len(octets) > limits.TUI_SETTINGS_OCTETS:
        raise Refused(f"is longer than {limits.TUI_SETTINGS_OCTETS} bytes")
    return octets.decode()


def _settings(found: dict[str, Any]) -> Settings:
    troubles = [f"tui.toml: there is no setting {name}" for name in found if name not in ("theme", "keys")]
    theme, keys = found.get("theme"), found.get("keys", {})
    if theme is not None and not isinstance(theme, str):
        troubles.append("tui.toml: theme is the name of one, in quotes")
        theme = None
    if not isinstance(keys, dict):
        troubles.append("tui.toml: keys is a table, [keys]")
        keys = {}
    # A dot in the name of a binding makes a table of it, unless it stands in quotes.
    flat = dict(_flat("", keys))
    texts = {name: keys for name, keys in flat.items() if isinstance(keys, str) and keys.strip(" ,")}
    troubles += [f"tui.toml: {name} names no key" for name in flat if name not in texts]
    return Settings(theme, texts, tuple(troubles))


def _flat(before: str, table: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in table.items():
        found += _flat(f"{before}{name}.", value) if isinstance(value, dict) else [(f"{before}{name}", value)]
    return found


def save_theme(file: Path, theme: str) -> None:
    """That theme from now on; the rest of the file as it is. Raises: Refused, with nothing changed."""
    target = Path(os.path.realpath(file))  # whoever keeps it elsewhere keeps his link
    try:
        before = _text(target) if target.exists() else ""
        changed = _with_theme(before, theme)
        _make_directory(target.parent)
        if os.stat(target.parent).st_uid != os.geteuid():
            raise Refused(f"the theme is not kept: {target.parent} is somebody else's")
        _replace(target, changed.encode())
    except OSError as error:
        raise Refused(f"the theme is not kept: {target}: {error.strerror}") from error
    except ValueError as error:
        raise Refused(f"the theme is not kept: {target} is not valid: {error}") from error


def _with_theme(text: str, theme: str) -> str:
    """Raises: ValueError (not TOML), Refused."""
    wanted = {**_loads(text), "theme": theme}
    line = f'theme = "{theme}"'
    table = _TABLE.search(text)
    top = text[: table.start()] if table else text
    if _THEME.search(top):
        changed = _THEME.sub(lambda _: line, top, count=1) + text[len(top) :]
    else:
        gap = "" if not top or top.endswith("\n") else "\n"
        changed = f"{top}{gap}{line}\n{text[len(top) :]}"
    if not _says(changed, wanted):
        raise Refused("the theme is not kept: tui.toml is written in a way that only you can change")
    return changed


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return _loads(text) == wanted
    except ValueError:
        return False


def _make_directory(directory: Path) -> None:
    """As its specification says: for this user only."""
    directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)


def _replace(target: Path, octets: bytes) -> None:
    """All of it, or what was there before."""
    fd, name = tempfile.mkstemp(prefix=".tui.", dir=target.parent)
    try:
        with open(fd, "wb") as made:
            made.write(octets)
            if target.exists():
                os.fchmod(made.fileno(), stat.S_IMODE(target.stat().st_mode))
            made.flush()
            os.fsync(made.fileno())
        os.replace(name, target)
    except OSError:
        os.unlink(name)
        raise
