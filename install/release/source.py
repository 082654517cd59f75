"""A copy of the source as git knows it, told which release it is; wheel and source distribution are built from it."""

import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path

from install.release import Refused, archive, packages
from install.release.version import ROOT, Version

_VERSION = re.compile(r'^(version|__version__) = "[^"]*"$', re.MULTILINE)


def copy(goal: Path, version: Version, target: str, keys: tuple[str, ...]) -> None:
    """All files under version control, with modes that no umask has touched. `target`: empty for any machine."""
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=True).stdout
    for name in filter(None, os.fsdecode(listed).split("\0")):
        source, path = ROOT / name, goal / name
        if not os.path.lexists(source):
            continue  # deleted and not committed
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            path.symlink_to(os.readlink(source))
        else:
            shutil.copyfile(source, path)
            path.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
    told: dict[str, object] = {
        "TAG": version.tag,
        "COMMIT": version.commit,
        "DATE": version.date,
        "TARGET": target,
        "KEYS": keys,
    }
    _tell(goal / "aimx/built.py", told)
    for name in ("pyproject.toml", "aimx/__init__.py"):
        file = goal / name
        file.write_text(_VERSION.sub(lambda match: f'{match[1]} = "{version.python}"', file.read_text(), count=1))


def _tell(file: Path, values: dict[str, object]) -> None:
    """Give the constants of built.py their values; the rest of it stays."""
    text = file.read_text()
    for name, value in values.items():
        line = re.compile(rf"^({name}\b[^=\n]*) = [^#\n]*?(?=  #|$)", re.MULTILINE)
        written = line.findall(text)
        if len(written) != 1:
            raise Refused(f"aimx/built.py has no one line for {name}")
        text = line.sub(lambda _match, new=f"{written[0]} = {value!r}": new, text)  # type: ignore[misc]
    file.write_text(text)


def wheel(source: Path, version: Version) -> Path:
    """The wheel of a copy, the same octets wherever it is built. Raises: Refused."""
    built = source.parent / "built"
    shutil.copytree(source, built, symlinks=True)  # a build leaves files behind
    environment = {"SOURCE_DATE_EPOCH": str(version.epoch)}
    packages.pip(
        "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(built / "dist"), str(built), **environment
    )
    (made,) = (built / "dist").iterdir()
    archive.zip_again(made, version.epoch)
    return made


def distributions(source: Path, goal: Path, version: Version) -> None:
    """Wheel and source distribution, for any machine. Raises: Refused."""
    made = wheel(source, version)
    shutil.copyfile(made, goal / made.name)
    with zipfile.ZipFile(made) as opened:
        (metadata,) = (member for member in opened.namelist() if member.endswith(".dist-info/METADATA"))
        (source / "PKG-INFO").write_bytes(opened.read(metadata))
    name = f"aimx-{version.python}"  # PEP 625
    archive.tar_gz(goal / f"{name}.tar.gz", [(source, name)], version.epoch)
