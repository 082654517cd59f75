"""Files in somebody's home: read as files and nothing else, exchanged whole, and what older versions have left there.

They are his own and so are links among them: a link is written through, not replaced.
"""

import contextlib
import errno
import os
import shutil
import stat
import tempfile
from pathlib import Path

from aimx.integrations.homes import Home

# The original program's plugin for Claude Code, before skills.
_LEGACY = {"claude-code": "$HOME/.claude/plugins/aimx"}
_MODE = 0o644  # of a new file


def read(path: Path, most: int, errors: str = "strict") -> str:
    """The first characters of a file. Never waits: what is no file is not read. Raises: OSError; UnicodeDecodeError."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    with open(fd, encoding="utf-8", errors=errors, newline="") as file:
        return file.read(most)


def replace(path: Path, text: str) -> None:
    """The file with another text, and the mode that it has. Raises: OSError, with the file as it was."""
    try:
        _replace(Path(os.path.realpath(path)), text)
    except OSError as error:  # a full disk names no file, most others the one that nobody knows
        raise OSError(error.errno, error.strerror, str(path)) from error


def told(error: OSError) -> str:
    """What went wrong, and with which file."""
    what = error.strerror or str(error)
    return f"{error.filename}: {what}" if error.filename is not None else what


def drop_legacy(agent: str, home: Home) -> None:
    """What an older version installed for the agent. Raises: OSError."""
    text = _LEGACY.get(agent)
    if text is not None and home.path(text).is_dir() and not home.path(text).is_symlink():
        shutil.rmtree(home.path(text))


def _replace(target: Path, text: str) -> None:
    try:
        mode = target.stat().st_mode & 0o7777
    except FileNotFoundError:
        mode = _MODE
    fd, name = tempfile.mkstemp(prefix=".aimx-", dir=target.parent)
    try:
        with open(fd, "w", encoding="utf-8", newline="") as file:
            os.fchmod(fd, mode)
            file.write(text)
            file.flush()
            os.fsync(fd)
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
