"""The program that agents are told to start: ours, as it runs now, and where it finds its data (P7)."""

import unicodedata
from pathlib import Path

from aimx.effects.running import running
from aimx.errors import Refused
from aimx.integrations.api import Program

# Controls, surrogates, line and paragraph separators, and characters that turn the direction of text: such a path
# could not be shown as what it is, and not every format can hold it.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def ours(data_dir: Path | None) -> Program:
    """The running program. Raises: Refused for a path that cannot be written into configuration."""
    path, *lead = running().argv
    for what, text in (("the path of aimx", path), ("--data-dir", str(data_dir or ""))):
        if any(unicodedata.category(character) in _HIDDEN for character in text):
            raise Refused(f"{what} is {text!a}: a path with invisible characters cannot be written into configuration")
    return Program(path, data_dir, tuple(lead))
