"""Which `aimx` is running: the one answer for worker start, units, registrations, upgrade and uninstall."""

import os
import sys
from typing import Literal, NamedTuple


class Running(NamedTuple):
    """How this program was installed and how to start it again.

    `argv` starts the command line; `module_argv` starts one of our modules without environment or user site.
    """

    kind: Literal["venv", "system"]
    argv: tuple[str, ...]
    module_argv: tuple[str, ...]


def running() -> Running:
    """The program of this process. A console script beside the interpreter is preferred over `-m`."""
    beside = os.path.join(os.path.dirname(sys.executable), "aimx")
    in_venv = sys.prefix != sys.base_prefix
    argv = (beside,) if os.access(beside, os.X_OK) else (sys.executable, "-I", "-m", "aimx.cli.main")
    return Running("venv" if in_venv else "system", argv, (sys.executable, "-I", "-m"))
