"""Last step of unpacking, run by the interpreter that has just been unpacked: give the tree its name.

Begins with what this machine may refuse (libraries that cannot be loaded). The tree is complete, marked and synced
before it has its name, and it has it at once or not at all; whoever comes second keeps what is there.
"""

import contextlib
import importlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time

_TREE = re.compile(r"[0-9][0-9A-Za-z.+-]*-[0-9a-f]{16}")
_RETIRED_S = 30 * 86_400.0
_FORGOTTEN_S = 3600.0  # what somebody began to unpack this long ago, nobody continues
_MARKER = "complete"
# One of each library that is not Python.
_LOADED = ("ssl", "sqlite3", "ctypes", "lxml.etree", "msgspec", "pydantic_core", "cryptography.x509", "aimx.cli.main")


def main(name: str) -> None:
    """The tree that this file is in becomes `name`."""
    new = os.path.dirname(os.path.abspath(__file__))
    base = os.path.dirname(name)
    for module in _LOADED:
        importlib.import_module(module)
    if os.geteuid() == 0:
        os.chmod(base, 0o755)
    os.chmod(new, 0o755 if os.geteuid() == 0 else 0o700)
    with open(os.path.join(new, _MARKER), "w") as marker:
        marker.write(os.path.basename(name) + "\n")
        marker.flush()
        os.fsync(marker.fileno())
    _synced(new)
    _named(new, name)
    _synced(base)
    _sweep(base)
    if os.geteuid() != 0:  # root's trees go with the program files that they belong to: upgrade and uninstall
        retire(base, os.path.basename(name))


def _named(new: str, name: str) -> None:
    while True:
        try:
            os.rename(new, name)
            return
        except OSError:
            if os.path.exists(os.path.join(name, _MARKER)) and os.access(os.path.join(name, "bin/python3"), os.X_OK):
                return  # somebody was faster
            if not os.path.lexists(name):
                raise
        # Damaged: out of the way, for the next round.
        aside = tempfile.mkdtemp(prefix=".old-", dir=os.path.dirname(name))
        with contextlib.suppress(FileNotFoundError):  # somebody else has just done so
            os.rename(name, os.path.join(aside, "tree"))
        shutil.rmtree(aside, ignore_errors=True)


def _sweep(base: str) -> None:
    """Remove what interrupted starts have left."""
    for entry in os.scandir(base):
        if entry.name.startswith((".new-", ".old-")):
            found = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode) and time.time() - found.st_mtime > _FORGOTTEN_S:
                shutil.rmtree(entry.path, ignore_errors=True)


def retire(base: str, own: str) -> None:
    """Remove a user's trees of other versions that nobody has started from for long, as far as can be told.

    The home directory may be shared with machines whose processes are not seen here, so that age decides too.
    """
    for entry in list(os.scandir(base)):
        if entry.name != own and _TREE.fullmatch(entry.name) and _is_old(entry) and not _runs(entry.path):
            aside = tempfile.mkdtemp(prefix=".old-", dir=base)
            with contextlib.suppress(OSError):  # somebody else does the same
                os.rename(entry.path, os.path.join(aside, "tree"))
            shutil.rmtree(aside, ignore_errors=True)


def _is_old(entry: "os.DirEntry[str]") -> bool:
    """Started from long ago: when its interpreter was read last, which file systems tell to the day or not at all."""
    tree = entry.stat(follow_symlinks=False)
    if not stat.S_ISDIR(tree.st_mode) or tree.st_uid != os.geteuid():
        return False
    times = [tree.st_mtime]
    with contextlib.suppress(OSError):
        times.append(os.stat(os.path.join(entry.path, "bin/python3")).st_atime)
    return time.time() - max(times) > _RETIRED_S


def _runs(tree: str) -> bool:
    """Whether a process of this user's is one of that tree."""
    inside = os.path.realpath(tree) + os.sep
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/exe").startswith(inside):
                return True
    return False


def _synced(directory: str) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main(sys.argv[1])
