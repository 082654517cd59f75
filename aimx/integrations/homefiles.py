"""Files in somebody's home: exchanged whole, and what older versions have left there.

They are his own and so are links among them: a link is written through, not replaced.
"""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from aimx.integrations.homes import Home

# The original program's plugin for Claude Code, before skills.
_LEGACY = {"claude-code": "$HOME/.claude/plugins/aimx"}
_MODE = 0o644  # of a new file


def replace(path: Path, text: str) -> None:
    """The file with another text, and the mode that it has. Raises: OSError, with the file as it was."""
    target = Path(os.path.realpath(path))
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


def drop_legacy(agent: str, home: Home) -> None:
    """What an older version installed for the agent. Raises: OSError."""
    text = _LEGACY.get(agent)
    if text is not None and home.path(text).is_dir() and not home.path(text).is_symlink():
        shutil.rmtree(home.path(text))
