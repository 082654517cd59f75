"""The Python packages inside a bundle: locked by version and SHA-256 for every target, fetched, and laid out.

`locked/packages.json` is written by `python -m install.release.lock`. Nothing of a package runs here but the build of
the few that publish no wheel; those are pure Python.
"""

import json
import os
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import NamedTuple

from install.release import Refused, fetching
from install.release.targets import TARGETS, Target

LOCK = Path(__file__).parent / "locked" / "packages.json"
_ROOT = Path(__file__).parents[2]
_SDIST = "sdist"
# What an installer would add: of no use in a tree that is never changed, or different at every build.
_UNWANTED = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
# Tests of packages, and what only compilers and type checkers read.
_TESTS = ("tests", "_tests")
_FOR_BUILDING = (".pyx", ".pxd", ".pxi", ".h", ".c", ".pyi")


class Wanted(NamedTuple):
    """One package: a wheel for this target, or a source distribution."""

    name: str
    version: str
    file: str
    sha256: str


def requirements() -> list[str]:
    """What aimx depends on."""
    return tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def locked(target: Target) -> list[Wanted]:
    """What the lock names for a target. Raises: Refused when pyproject.toml has changed since."""
    lock = json.loads(LOCK.read_text())
    if lock["requirements"] != requirements():
        raise Refused(f"{LOCK.name} was made for other dependencies: run `python -m install.release.lock`")
    wanted = []
    for package in lock["packages"]:
        files = package["files"]
        file = files.get("any") or files.get(target.triple) or files.get(_SDIST)
        if file is None:
            raise Refused(f"{package['name']} {package['version']} has no wheel for {target.triple}")
        wanted.append(Wanted(package["name"], package["version"], file["name"], file["sha256"]))
    return wanted


def fetch(wanted: list[Wanted], target: Target) -> list[Path]:
    """The wheels; those that are missing are downloaded by pip, which checks their digests. Raises: Refused."""
    missing = [package for package in wanted if fetching.kept(package.file, package.sha256) is None]
    wheels = [package for package in missing if package.file.endswith(".whl")]
    sources = [package for package in missing if not package.file.endswith(".whl")]
    for packages, options in ((wheels, target.pip()), (sources, ["--no-binary", ":all:", "--no-build-isolation"])):
        if packages:
            _download(packages, options)
    found = [fetching.kept(package.file, package.sha256) for package in wanted]
    return [path for path in found if path is not None]


def _download(packages: list[Wanted], options: list[str]) -> None:
    with tempfile.TemporaryDirectory() as made:
        listed = Path(made) / "requirements.txt"
        listed.write_text("".join(f"{p.name}=={p.version} --hash=sha256:{p.sha256}\n" for p in packages))
        pip("download", "--no-deps", "--require-hashes", "--dest", made, *options, "-r", str(listed))
        for package in packages:
            fetching.keep(Path(made) / package.file, package.file, package.sha256)


def install(files: list[Path], goal: Path) -> None:
    """Lay wheels out below a directory, those of source distributions built first. Raises: Refused."""
    with tempfile.TemporaryDirectory() as made:
        for file in files:
            if file.suffix != ".whl":
                built = Path(made) / file.name
                pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built), str(file))
                (file,) = built.iterdir()
                if not file.name.endswith("-none-any.whl"):
                    raise Refused(f"{file.name} has been built for this machine: a package without wheels must be pure")
            unpack(file, goal)


def unpack(wheel: Path, goal: Path) -> None:
    """One wheel. Its scripts and data are left out: nothing starts or reads them. Raises: Refused."""
    with zipfile.ZipFile(wheel) as archive:
        for member in sorted(archive.namelist()):
            parts = member.split("/")
            if member.endswith("/"):
                continue
            if parts[0].endswith(".data"):
                if parts[1] not in ("purelib", "platlib"):
                    continue
                parts = parts[2:]
            if parts[0].endswith(".dist-info") and parts[-1] in _UNWANTED:
                continue
            if any(part in _TESTS for part in parts[:-1]) or member.endswith(_FOR_BUILDING):
                continue
            if ".." in parts or parts[0] == "":
                raise Refused(f"{wheel.name} holds {member!r}")
            path = goal.joinpath(*parts)
            if path.exists() and path.read_bytes() != archive.read(member):
                raise Refused(f"{wheel.name} and another package both have {member}")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.read(member))


def lock() -> dict[str, object]:
    """What pip chooses now for this machine, then the same versions for every target. Raises: Refused."""
    wanted = requirements()
    chosen = _report(["--ignore-installed", *wanted])
    pinned = [f"{name}=={version}" for name, version, _file in chosen]
    sources = {name for name, _version, file in chosen if not file["name"].endswith(".whl")}
    wheels = [pin for pin in pinned if pin.split("==")[0] not in sources]
    files: dict[str, dict[str, dict[str, str]]] = {name: {} for name, _version, _file in chosen}
    for name, _version, file in chosen:
        if name in sources:
            files[name][_SDIST] = file
    for target in TARGETS.values():
        for name, _version, file in _report(["--no-deps", "--target", "nowhere", *target.pip(), *wheels]):
            files[name]["any" if file["name"].endswith("-none-any.whl") else target.triple] = file
    packages = [{"name": name, "version": version, "files": files[name]} for name, version, _file in sorted(chosen)]
    return {"requirements": wanted, "packages": packages}


def _report(words: list[str]) -> list[tuple[str, str, dict[str, str]]]:
    """Name, version and file of everything that pip would install."""
    with tempfile.TemporaryDirectory() as made:
        path = Path(made) / "report.json"
        pip("install", "--dry-run", "--report", str(path), *words)
        found = []
        for entry in json.loads(path.read_text())["install"]:
            info = entry["download_info"]
            file = {"name": info["url"].rsplit("/", 1)[-1], "sha256": info["archive_info"]["hashes"]["sha256"]}
            found.append((entry["metadata"]["name"].lower(), entry["metadata"]["version"], file))
        return found


def pip(*words: str, **environment: str) -> None:
    """pip of this environment. Raises: Refused."""
    argv = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", *words]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    if done.returncode:
        raise Refused(f"pip {words[0]}: {done.stderr.strip()[-1500:]}")
