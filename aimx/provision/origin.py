"""Where the running program came from, and the commands of whoever installed it that renew it and remove it again."""

import os
import shlex
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from aimx import built
from aimx.effects.running import Running

_DEBIAN = {"aarch64": "arm64"}


class Origin(NamedTuple):
    """`prefix`: where the program's files are. `remove` and `renew`: what to type; a bundle does it itself."""

    kind: Literal["bundle", "deb", "pipx", "uv", "venv", "pip", "checkout"]
    prefix: str
    remove: str
    renew: str


def origin(running: Running, root: Path = Path("/")) -> Origin:
    """By what the program was told, and the marks that package managers leave."""
    program = os.path.realpath(running.argv[0])
    if running.kind == "bundle":
        return Origin("bundle", program, "sudo aimx uninstall", "sudo aimx upgrade")
    if running.kind == "deb" or _of_debian(program, root):
        package = f"aimx_<version>_{_DEBIAN.get(os.uname().machine, 'amd64')}.deb"
        return Origin("deb", program, "sudo apt remove aimx", f"sudo apt install ./{package}")
    return _of_python(running, Path(sys.prefix))


def _of_python(running: Running, prefix: Path) -> Origin:
    source = Path(built.__file__).parents[1]
    renew = ""
    if (source / ".git").exists():
        renew = f"git -C {shlex.quote(str(source))} pull"
    if running.kind != "venv":
        python = shlex.quote(sys.executable)
        pip = f"sudo {python} -m pip"
        return _of_pip("pip", prefix, pip, renew)
    if (prefix / "pipx_metadata.json").exists():
        return Origin("pipx", str(prefix), "pipx uninstall aimx", renew or "pipx upgrade aimx")
    if (prefix / "uv-receipt.toml").exists():
        return Origin("uv", str(prefix), "uv tool uninstall aimx", renew or "uv tool upgrade aimx")
    if not (prefix / "bin/pip").exists():  # made by uv
        python = f"--python {shlex.quote(str(prefix))}"
        again = renew or f"uv pip install --upgrade {python} aimx"
        return Origin("venv", str(prefix), f"uv pip uninstall {python} aimx", again)
    return _of_pip("venv", prefix, f"sudo {shlex.quote(str(prefix / 'bin/pip'))}", renew)


def _of_pip(kind: Literal["venv", "pip"], prefix: Path, pip: str, renew: str) -> Origin:
    again = renew or f"{pip} install --upgrade aimx"
    return Origin("checkout" if renew else kind, str(prefix), f"{pip} uninstall aimx", again)


def _of_debian(program: str, root: Path) -> bool:
    try:
        return program in (root / "var/lib/dpkg/info/aimx.list").read_text().splitlines()
    except OSError:
        return False
