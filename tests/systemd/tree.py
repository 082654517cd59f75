"""The tree that is booted: Debian with systemd, and below /opt/aimx what aimx depends on. Built once, then kept.

`python -m tests.systemd.tree` builds it, or says in its last line why this machine cannot, with exit code 3. It lies in
the user's cache directory, by a digest of what it is made of; a build that was interrupted has another name.
"""

import hashlib
import os
import sys
import tomllib
from pathlib import Path

from tests import trees
from tests.trees import Unavailable, cache

SUITE = "bookworm"
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "python3-venv", "curl", "openssl")
VENV = "/opt/aimx"
NEEDED = ("debootstrap", "systemd-nspawn", "unshare", "nsenter", "setpriv")
CANNOT = 3
_PYPROJECT = Path(__file__).parents[2] / "pyproject.toml"
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PROXY = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_INDEX = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_PROXY")


def requirements() -> tuple[str, ...]:
    """What aimx depends on."""
    return tuple(tomllib.loads(_PYPROJECT.read_text())["project"]["dependencies"])


def path() -> Path:
    """The tree, whether it is there or not."""
    made_of = (SUITE, *PACKAGES, VENV, *requirements())
    return cache() / f"tree-{hashlib.sha256(repr(made_of).encode()).hexdigest()[:12]}"


def ready() -> Path:
    """The tree, built if it is not there. Raises: Unavailable."""
    return trees.ready(path(), SUITE, PACKAGES, NEEDED, _furnish)


def _furnish(tree: Path) -> None:
    _inside(tree, "python3", "-m", "venv", VENV)
    _inside(tree, f"{VENV}/bin/pip", "install", "--disable-pip-version-check", *requirements())


def _inside(tree: Path, *words: str) -> None:
    """Run a program of the tree, with the network and the certificates of this machine."""
    settings = {name: os.environ[name] for name in (*_PROXY, *_INDEX) if name in os.environ}
    binds = ["--resolv-conf=replace-host"]
    if os.path.exists(_CERTIFICATES):
        binds.append(f"--bind-ro={os.path.realpath(_CERTIFICATES)}:/run/certificates.crt")
        settings["PIP_CERT"] = "/run/certificates.crt"
    environment = [f"--setenv={name}={text}" for name, text in settings.items()]
    options = ["--quiet", "--register=no", "--keep-unit", "--console=pipe", "-D", str(tree), *binds, *environment]
    trees.run("systemd-nspawn", *options, *words)


if __name__ == "__main__":
    try:
        print(ready())
    except Unavailable as error:
        print(error)
        sys.exit(CANNOT)
