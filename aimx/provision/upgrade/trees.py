"""What program files have unpacked below /usr/local/lib/aimx: which tree belongs to which, and removing the others.

Never removes a tree that a process runs from, its own included, unless it is told to.
"""

import os
import re
import time
from collections.abc import Iterable
from pathlib import Path

from aimx import limits
from aimx.effects import files
from aimx.provision.setup.site import Site

_ID = re.compile(rb"^_aimx_id=([0-9A-Za-z.+-]+)$", re.MULTILINE)
_TREE = re.compile(r"[0-9][0-9A-Za-z.+-]*-[0-9a-f]{16}(\.[0-9]+)*")  # with numbers: one whose removal was not ended
_UNFINISHED = ".new-"


def base(site: Site) -> Path:
    """Where root's trees are."""
    return site.root / "usr/local/lib/aimx"


def tree(program: Path) -> str:
    """The name of the tree that a program file unpacks; empty when there is no such file, or it says nothing."""
    try:
        with open(program, "rb") as file:
            found = _ID.search(file.read(limits.PROGRAM_HEAD_OCTETS))
    except OSError:
        return ""
    return found[1].decode() if found else ""


def prune(where: Path, programs: Iterable[Path]) -> tuple[str, ...]:
    """Remove trees that none of these programs has and no process runs from. What could not go, in words."""
    wanted = {tree(program) for program in programs}
    return _remove(where, [name for name in _names(where) if name not in wanted | _used(where)])


def remove(where: Path, going: set[str], needed: set[str]) -> tuple[str, ...]:
    """Remove the trees `going`, whoever uses them, and those that nobody uses or needs. What could not go, in words."""
    staying = (needed | _used(where)) - going
    trouble = _remove(where, [name for name in _names(where) if name not in staying])
    if where.is_dir() and not os.listdir(where):
        os.rmdir(where)
    return trouble


def _names(where: Path) -> list[str]:
    try:
        found = list(os.scandir(where))
    except OSError:
        return []
    return sorted(entry.name for entry in found if _ours(entry))


def _ours(entry: "os.DirEntry[str]") -> bool:
    if not entry.is_dir(follow_symlinks=False):
        return False
    if entry.name.startswith(_UNFINISHED):  # a younger one may be on its way
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > limits.UNPACKING_S
    return _TREE.fullmatch(entry.name) is not None


def _used(where: Path) -> set[str]:
    """Names of trees whose interpreter runs."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            program = Path(os.readlink(f"/proc/{pid}/exe"))
        except OSError:  # it has ended, or is of the kernel
            continue
        if program.is_relative_to(where) and program != where:
            found.add(program.relative_to(where).parts[0])
    return found


def _remove(where: Path, names: Iterable[str]) -> tuple[str, ...]:
    trouble = []
    for name in names:
        fd = files.open_directory(str(where))
        try:
            files.remove(fd, name)
        except OSError as error:
            trouble.append(f"{where / name} cannot be removed: {error.strerror}")
        finally:
            os.close(fd)
    return tuple(trouble)
