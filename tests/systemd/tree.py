"""The tree that is booted: Debian with systemd, and below /opt/aimx what aimx depends on. Built once, then kept.

`python -m tests.systemd.tree` builds it, or says in its last line why this machine cannot, with exit code 3. It lies in
the user's cache directory, by a digest of what it is made of; a build that was interrupted has another name.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

SUITE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "curl", "openssl")
VENV = "/opt/aimx"
NEEDED = ("debootstrap", "systemd-nspawn", "unshare", "nsenter", "setpriv")
BUILD_S = 900.0
UNUSED_S = 14 * 86_400.0
CANNOT = 3
_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PROXY = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_INDEX = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY")


class Unavailable(Exception):
    """This machine cannot; the text says why."""


def cache() -> Path:
    """Where trees are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aimx-systemd"


def requirements() -> tuple[str, ...]:
    """What aimx depends on."""
    return tuple(tomllib.loads(_PYPROJECT.read_text())["project"]["dependencies"])


def path() -> Path:
    """The tree, whether it is there or not."""
    made_of = (SUITE, *PACKAGES, VENV, *requirements())
    return cache() / f"tree-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]}"


def ready() -> Path:
    """The tree, built if it is not there. Raises: Unavailable."""
    tree = path()
    if os.geteuid() != 0:
        raise Unavailable("booting a tree needs root")
    missing = [name for name in NEEDED if shutil.which(name) is None and not (name == "debootstrap" and tree.is_dir())]
    if missing:
        raise Unavailable(f"not installed: {', '.join(missing)}")
    if not tree.is_dir():
        _build(tree)
    os.utime(tree)  # used now
    _forget_unused()
    return tree


def _build(tree: Path) -> None:
    """Make it under another name, then give it its own."""
    cache().mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=cache()))
    unfinished.chmod(0o755)
    try:
        names = ",".join(PACKAGES)
        # In namespaces of its own: what it mounts and starts ends with it, however it ends.
        _run(
            "unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc",
            "debootstrap", "--variant=minbase", f"--include={names}", SUITE, str(unfinished),
        )  # fmt: skip
        for package in (unfinished / "var/cache/apt/archives").glob("*.deb"):
            package.unlink()
        _inside(unfinished, "python3", "-m", "venv", VENV)
        _inside(unfinished, f"{VENV}/bin/pip", "install", "--disable-pip-version-check", *requirements())
        try:
            unfinished.rename(tree)
        except OSError:
            if not tree.is_dir():  # else somebody else was faster
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _inside(tree: Path, *words: str) -> None:
    """Run a program of the tree, with the network and the certificates of this machine."""
    settings = {name: os.environ[name] for name in (*_PROXY, *_INDEX) if name in os.environ}
    binds = ["--resolv-conf=replace-host"]
    if os.path.exists(_CERTIFICATES):
        binds.append(f"--bind-ro={os.path.realpath(_CERTIFICATES)}:/run/certificates.crt")
        settings["PIP_CERT"] = "/run/certificates.crt"
    environment = [f"--setenv={name}={text}" for name, text in settings.items()]
    options = ["--quiet", "--register=no", "--keep-unit", "--console=pipe", "-D", str(tree), *binds, *environment]
    _run("systemd-nspawn", *options, *words)


def _run(*argv: str) -> None:
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
        if entry.name.startswith(("tree-", "unfinished-")) and time.time() - entry.stat().st_mtime > UNUSED_S:
            shutil.rmtree(entry, ignore_errors=True)


if __name__ == "__main__":
    try:
        print(ready())
    except Unavailable as error:
        print(error)
        sys.exit(CANNOT)
