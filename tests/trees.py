"""Debian trees for tests: made by debootstrap once, then kept in the user's cache directory and never written again."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

BUILD_S = 900.0
UNUSED_S = 14 * 86_400.0


class Unavailable(Exception):
    """This machine cannot; the text says why."""


def cache() -> Path:
    """Where trees are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aimx-systemd"


def ready(
    tree: Path, suite: str, packages: Sequence[str], needed: Sequence[str],
    furnish: Callable[[Path], None] | None = None,
) -> Path:  # fmt: skip
    """The tree, built if it is not there: minimal Debian with some packages, then what `furnish` does to it.

    Raises: Unavailable, also when a program of `needed` is missing.
    """
    if os.geteuid() != 0:
        raise Unavailable("a tree needs root")
    missing = [name for name in needed if shutil.which(name) is None and not (name == "debootstrap" and tree.is_dir())]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")
    if not tree.is_dir():
        _build(tree, suite, packages, furnish)
    os.utime(tree)  # used now
    _forget_unused()
    return tree


def _build(tree: Path, suite: str, packages: Sequence[str], furnish: Callable[[Path], None] | None) -> None:
    """Make it under another name, then give it its own."""
    cache().mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache()))
    unfinished.chmod(0o755)
    include = [f"--include={','.join(packages)}"] if packages else []
    try:
        # In namespaces of its own: what it mounts and starts ends with it, however it ends.
        run(
            "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
            "debootstrap", "--variant=minbase", *include, suite, str(unfinished),
        )  # fmt: skip
        for package in (unfinished / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        if furnish is not None:
            furnish(unfinished)
        try:
            unfinished.rename(tree)
        except OSError:
            if not tree.is_dir():  # else somebody else was faster
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def run(*argv: str) -> None:
    """A step of the build. Raises: Unavailable, with the last lines that it said."""
    try:
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", timeout=BUILD_S,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"{argv[0]} took longer than {BUILD_S:.0f} s") from error
    if done.returncode:
        last = " / ".join(done.stdout.strip().splitlines()[-3:])
        raise Unavailable(f"the tree could not be built (is there a network?): {argv[-1]}: {last}")


def _forget_unused() -> None:
    """Trees of other dependencies, and builds that were interrupted."""
    for entry in cache().iterdir():
        if entry.name.startswith(("tree-", "fresh-", "unfinished-")) and time.time() - entry.stat().st_mtime > UNUSED_S:
            shutil.rmtree(entry, ignore_errors=True)
