"""A copy of the installed program with what it needs at run time, for any place and any user."""

import functools
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import aimx

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


def install(target: Path, interpreter: str) -> Path:
    """A virtual environment at `target` with the program in it; the path of its `aimx`."""
    subprocess.run([interpreter, "-m", "venv", "--without-pip", target], check=True, timeout=120)
    site = target / "lib" / f"python{VERSION}" / "site-packages"
    package = Path(aimx.__file__).parent
    shutil.copytree(package, site / "aimx", ignore=shutil.ignore_patterns("__pycache__"))
    for name in runtime_distributions():
        _copy(importlib.metadata.distribution(name), site)
    script = target / "bin" / "aimx"
    script.write_text(f"#!{target}/bin/python\nfrom aimx.cli.main import main\nmain()\n")
    script.chmod(0o755)
    return script


@functools.cache
def runtime_distributions() -> frozenset[str]:
    """The names of everything that the program needs, without its development tools."""
    found: set[str] = set()
    queue = ["aimx"]
    while queue:
        for requirement in importlib.metadata.requires(queue.pop()) or []:
            words, _, marker = requirement.partition(";")
            name = re.match(r"[A-Za-z0-9._-]+", words)
            if name is None or "extra" in marker or name[0] in found or not _installed(name[0]):
                continue
            found.add(name[0])
            queue.append(name[0])
    return frozenset(found)


def _installed(name: str) -> bool:
    """Requirements for other platforms and versions are not."""
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _copy(distribution: importlib.metadata.Distribution, site: Path) -> None:
    for file in distribution.files or []:
        source = Path(str(distribution.locate_file(file)))
        if ".." in file.parts or "__pycache__" in file.parts or not source.exists():
            continue  # scripts, caches, and what an old-style package lists of its source archive
        goal = site / file
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, goal)


def readable_interpreter(identity: list[str]) -> str | None:
    """An interpreter of this version that a process started with the prefix `identity` can start.

    Through a shell: setpriv keeps its capabilities until it has started one program.
    """
    base = os.path.realpath(sys.executable)
    for candidate in (base, f"/usr/bin/python{VERSION}", f"/usr/local/bin/python{VERSION}"):
        code = "import sys, ssl, venv; print(f'{sys.version_info[0]}.{sys.version_info[1]}')"
        try:
            answer = subprocess.run(
                [*identity, "/bin/sh", "-c", '"$0" -c "$1"', candidate, code],
                capture_output=True, text=True, timeout=60, check=True, cwd="/",
            )  # fmt: skip
        except (OSError, subprocess.CalledProcessError):
            continue
        if answer.stdout.strip() == VERSION:
            return candidate
    return None
