"""Which `aimx` is running: the one answer for worker start, units, registrations, upgrade and uninstall."""

import os
import sys
from typing import Literal, NamedTuple

Kind = Literal["bundle", "deb", "venv", "system"]
# What the program files of bundles and packages tell their interpreter: `-X aimx_bundle=/usr/local/bin/aimx`.
_TOLD: tuple[tuple[Kind, str], ...] = (("bundle", "aimx_bundle"), ("deb", "aimx_deb"))


class Running(NamedTuple):
    """How this program was installed and how to start it again.

    `argv` starts the command line; `module_argv` starts one of our modules without environment or user site. A bundle
    is one program file, `argv[0]`, that unpacks itself; a `deb` belongs to dpkg.
    """

    kind: Kind
    argv: tuple[str, ...]
    module_argv: tuple[str, ...]


def running() -> Running:
    """The program of this process. A console script beside the interpreter is preferred over `-m`."""
    for kind, option in _TOLD:
        program = sys._xoptions.get(option)
        if isinstance(program, str):  # what it starts is told too
            return Running(kind, (program,), (sys.executable, "-I", "-X", f"{option}={program}", "-m"))
    modules = (sys.executable, "-I", "-m")
    beside = os.path.join(os.path.dirname(sys.executable), "aimx")
    in_venv = sys.prefix != sys.base_prefix
    argv = (beside,) if os.access(beside, os.X_OK) else (sys.executable, "-I", "-m", "aimx.cli.main")
    return Running("venv" if in_venv else "system", argv, modules)
