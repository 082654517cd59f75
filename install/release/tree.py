"""The tree inside a bundle: interpreter, packages, aimx, and bytecode of it all; nothing is written into it later."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from install.release import Refused, compiling, debian, fetching, interpreter, packages
from install.release.targets import PYTHON, Target

_HERE = Path(__file__).parent
GLIBC_MINOR = 36  # Debian 12's 2.36: what a tree may need, and so what the installer asks for


def make(tree: Path, target: Target, wheel: Path, given: Path | None, rehearsal: bool) -> int:
    """Build the tree; the glibc that it needs, 2.x (0: none).

    Args:
        given: an interpreter to take.
        rehearsal: where the archive no longer has what the lock names, take what it has.

    Raises: Refused.
    """
    if given is not None:
        shutil.copytree(given, tree, symlinks=False)
        if not os.access(tree / "bin/python3", os.X_OK) or not (tree / "lib" / interpreter.NAME / "os.py").exists():
            raise Refused(f"{given} must hold bin/python3 and lib/{interpreter.NAME}/os.py")
    elif target.libc == "gnu":
        interpreter.from_debian(_packages(target, rehearsal), tree)
    else:
        raise Refused(f"{target.triple} needs --interpreter DIR: Debian has no interpreter for musl")
    place = interpreter.packages_of(tree, given is None)
    packages.install([*packages.fetch(packages.locked(target), target), wheel], place)
    shutil.copy(_HERE / "settle.py", tree / "settle.py")
    needs = interpreter.demands(tree, target)
    if target.libc == "gnu" and given is None and needs > GLIBC_MINOR:
        raise Refused(f"the tree needs glibc 2.{needs}; the installer asks for 2.{GLIBC_MINOR}")
    _compile(tree, target)
    return needs


def _packages(target: Target, rehearsal: bool) -> list[debian.Package]:
    packages = debian.locked(target)
    try:
        debian.fetch(packages)
    except fetching.Gone as gone:
        if not rehearsal:
            raise
        print(f"NOT AS LOCKED: {gone}", file=sys.stderr)
        return debian.lock(target)
    return packages


def libc() -> str:
    """That of this machine."""
    return "gnu" if platform.libc_ver()[0] else "musl"


def native(target: Target) -> bool:
    """Whether this machine can run what is built for the target."""
    return platform.machine() == target.machine and libc() == target.libc


def _compile(tree: Path, target: Target) -> None:
    """By the interpreter of the tree, or by this one if it writes the same bytecode. Raises: Refused."""
    program = str(tree / "bin/python3")
    if not native(target):
        if f"{sys.version_info[0]}.{sys.version_info[1]}" != PYTHON:
            raise Refused(f"building for {target.triple} on this machine takes Python {PYTHON}")
        program = sys.executable
    # Sets are written in the order of their hashes.
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [program, "-s", "-P", str(Path(compiling.__file__)), str(tree)], capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    if done.returncode:
        raise Refused(f"bytecode: {done.stderr.strip()[-1000:]}")
