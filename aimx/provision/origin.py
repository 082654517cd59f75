"""Where the running program came from, and the command of whoever installed it that removes it again."""

import os
import shlex
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from aimx.effects.running import Running


class Origin(NamedTuple):
    """`prefix`: where the program's files are. `remove`: what to type; none of these files is ours to delete."""

    kind: Literal["deb", "pipx", "uv", "venv", "pip"]
    prefix: str
    remove: str


def origin(running: Running, root: Path = Path("/")) -> Origin:
    """By the marks that package managers leave."""
    program = os.path.realpath(running.argv[0])
    if _of_debian(program, root):
        return Origin("deb", program, "sudo apt remove aimx")
    prefix = Path(sys.prefix)
    if running.kind != "venv":
        python = shlex.quote(sys.executable)
        return Origin("pip", str(prefix), f"sudo {python} -m pip uninstall aimx")
    if (prefix / "pipx_metadata.json").exists():
        return Origin("pipx", str(prefix), "pipx uninstall aimx")
    if (prefix / "uv-receipt.toml").exists():
        return Origin("uv", str(prefix), "uv tool uninstall aimx")
    if not (prefix / "bin/pip").exists():  # made by uv
        return Origin("venv", str(prefix), f"uv pip uninstall --python {shlex.quote(str(prefix))} aimx")
    return Origin("venv", str(prefix), f"sudo {shlex.quote(str(prefix / 'bin/pip'))} uninstall aimx")


def _of_debian(program: str, root: Path) -> bool:
    try:
        return program in (root / "var/lib/dpkg/info/aimx.list").read_text().splitlines()
    except OSError:
        return False
