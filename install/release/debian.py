"""The interpreter and its libraries as Debian 12 has them: which packages, where they are, what they must be.

`locked/debian-<architecture>.json` names each with its version, path and SHA-256; `lock` writes it anew from what the
archive has now. Only what Debian's key signs gets into a lock (apt checks that); a build checks the digests alone.
"""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from install.release import Refused, fetching
from install.release.targets import PYTHON, Target

SUITE = "bookworm"
# The interpreter, then the libraries that its modules and the wheels need; what is missing here stops the build.
PACKAGES = (
    f"python{PYTHON}-minimal", f"libpython{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", "libssl3", "libsqlite3-0",
    "libffi8", "libexpat1", "zlib1g", "liblzma5", "libbz2-1.0", "libuuid1", "gcc-12-base", "libgcc-s1",
)  # fmt: skip
_LOCKS = Path(__file__).parent / "locked"
_SECURITY = "debian-security"


class Package(NamedTuple):
    """One package file; `archive` is debian or debian-security."""

    name: str
    version: str
    archive: str
    path: str
    sha256: str


def lock_file(target: Target) -> Path:
    """Where the lock of a target is."""
    return _LOCKS / f"debian-{target.debian}.json"


def locked(target: Target) -> list[Package]:
    """What the lock names."""
    return [Package(**entry) for entry in json.loads(lock_file(target).read_text())]


def fetch(packages: list[Package]) -> list[Path]:
    """The package files. Raises: Refused."""
    mirrors: dict[str, str] = {}
    files = []
    for package in packages:
        name = package.path.rsplit("/", 1)[-1]
        path = fetching.kept(name, package.sha256)
        if path is None:
            mirrors = mirrors or _mirrors()
            try:
                path = fetching.download(f"{mirrors[package.archive]}/{package.path}", name, package.sha256)
            except fetching.Gone as gone:
                raise fetching.Gone(
                    f"Debian's archive has no {package.name} {package.version} any more (a newer one replaced it): "
                    "run `python -m install.release.lock`, look at the difference, commit it"
                ) from gone
        files.append(path)
    return files


def _mirrors() -> dict[str, str]:
    """Where this machine gets Debian's packages: its own apt says so, else AIMX_DEBIAN_MIRROR and …_SECURITY_MIRROR."""
    found = {
        "debian": os.environ.get("AIMX_DEBIAN_MIRROR", ""),
        _SECURITY: os.environ.get("AIMX_DEBIAN_SECURITY_MIRROR", ""),
    }
    for line in _output("apt-get", "indextargets", "--format", "$(LABEL) $(REPO_URI)", "Created-By: Packages"):
        label, _, uri = line.partition(" ")
        name = {"Debian": "debian", "Debian-Security": _SECURITY}.get(label)
        if name and not found[name]:
            found[name] = uri
    if not all(found.values()):
        raise Refused("no mirror of Debian is known: set AIMX_DEBIAN_MIRROR and AIMX_DEBIAN_SECURITY_MIRROR")
    return {name: uri.rstrip("/") for name, uri in found.items()}


def lock(target: Target) -> list[Package]:
    """What the archive has now, by an apt of its own that trusts Debian's keys only. Raises: Refused."""
    mirrors = _mirrors()
    with tempfile.TemporaryDirectory() as made:
        state = Path(made)
        for name in ("etc/preferences.d", "etc/apt.conf.d", "state/lists/partial", "cache/archives/partial"):
            (state / name).mkdir(parents=True)
        signed = f"[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch={target.debian}]"
        sources = [
            f"deb {signed} {mirrors['debian']} {SUITE} main",
            f"deb {signed} {mirrors['debian']} {SUITE}-updates main",
            f"deb {signed} {mirrors[_SECURITY]} {SUITE}-security main",
        ]
        (state / "sources.list").write_text("\n".join(sources) + "\n")
        (state / "status").touch()
        settings = [
            f"Dir::Etc={state}/etc", f"Dir::Etc::sourcelist={state}/sources.list", "Dir::Etc::sourceparts=/dev/null",
            f"Dir::State={state}/state", f"Dir::State::status={state}/status", f"Dir::Cache={state}/cache",
            f"APT::Architecture={target.debian}", f"APT::Architectures={target.debian}", "APT::Sandbox::User=root",
        ]  # fmt: skip
        options = [word for setting in settings for word in ("-o", setting)]
        _output("apt-get", *options, "-q", "update")
        return [_candidate(options, name) for name in PACKAGES]


def _candidate(options: list[str], name: str) -> Package:
    """The newest version of a package."""
    found: dict[str, str] = {}
    for line in _output("apt-cache", *options, "--no-all-versions", "show", name):
        field, _, value = line.partition(": ")
        found.setdefault(field, value)
    archive = _SECURITY if "updates/main" in found["Filename"] or "deb12" in found["Filename"] else "debian"
    for line in _output("apt-cache", *options, "policy", name):
        if _SECURITY in line:
            archive = _SECURITY
            break
        if "/debian " in line:
            archive = "debian"
            break
    return Package(name, found["Version"], archive, found["Filename"], found["SHA256"])


def _output(*argv: str) -> list[str]:
    """Lines of a program's output. Raises: Refused."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    except OSError as error:
        raise Refused(f"{argv[0]}: {error.strerror}; this takes a Debian") from error
    if done.returncode:
        raise Refused(f"{argv[0]}: {done.stderr.strip()[-500:]}")
    return done.stdout.splitlines()
