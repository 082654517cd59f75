"""Last step of unpacking, run by the interpreter that has just been unpacked: give the tree its name.

Begins with what this machine may refuse (libraries that cannot be loaded). The tree is complete, marked and synced
before it has its name, and it has it at once or not at all; whoever comes second keeps what is there.
"""

import contextlib
import importlib
import os
import shutil
import stat
import sys
import tempfile
import time

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


def _synced(directory: str) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


if __name__ == "__main__":
    main(sys.argv[1])
