"""A copy of what `aimx send` loads, for a uid that cannot reach the program itself: root's demo runs its hook as one.

Only reads the installation; writes only below the directory it is given. Needed because a clone below /root, and
sometimes the interpreter too, are closed to everybody else.
"""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import msgspec

from aimx.effects.running import running
from aimx.errors import Failed

# What the command loads: at once, inside functions, and for its arguments. Also the libraries of the interpreter.
_LIST = """
import ast, contextlib, encodings.ascii, encodings.idna, encodings.latin_1, importlib, io, json, sys
import aimx.cli.main, aimx.cli.send
with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO())), contextlib.suppress(SystemExit):
    aimx.cli.main.run(["send", "--help"])
followed = {"aimx.cli.main"}
while rest := {name for name in sys.modules if name.split(".")[0] == "aimx"} - followed:
    name = rest.pop()
    followed.add(name)
    with open(sys.modules[name].__file__) as source:
        nodes = list(ast.walk(ast.parse(source.read())))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
    for name in names:
        importlib.import_module(name)
files = [getattr(module, kind, None) for module in list(sys.modules.values()) for kind in ("__file__", "__cached__")]
maps = [line.split()[-1] for line in open("/proc/self/maps") if "libpython" in line]
print(json.dumps({"files": [file for file in files if file], "libraries": sorted(set(maps))}))
"""


class Loaded(msgspec.Struct, frozen=True):
    """Files of the modules that were loaded, and libraries of the interpreter."""

    files: list[str]
    libraries: list[str]


def argv(tree: Path, others: bool) -> list[str]:
    """How a hook starts `aimx`; `others`: as a uid that may reach nothing of ours. Raises: Failed."""
    this = running()
    if not others:
        return list(this.argv)
    if this.kind in ("bundle", "deb") and _open_to_all(Path(sys.executable)):
        return [*this.module_argv, "aimx.cli.main"]  # all of the tree, whoever may read the program file
    loaded = _loaded()
    packages = tree / "packages"
    for package in _packages(loaded):
        shutil.copytree(package, packages / package.name)
    interpreter = _interpreter(tree, loaded)
    start = f"import sys; sys.path.insert(0, {str(packages)!r}); from aimx.cli.main import main; main()"
    return [*interpreter, "-I", "-S", "-c", start]


def _loaded() -> Loaded:
    command = [sys.executable, "-I", "-c", _LIST]
    done = subprocess.run(command, capture_output=True, check=False, cwd="/", stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise Failed(f"there is no program for the hook: {done.stderr.decode('utf-8', 'replace')[-300:]}")
    return msgspec.json.decode(done.stdout, type=Loaded)


def _packages(loaded: Loaded) -> set[Path]:
    """Ours, and those of others that it loads; a loaded file that is in no package is part of the environment."""
    found = {Path(__file__).parents[1]}
    for file in map(Path, loaded.files):
        parts = file.parts
        if "site-packages" in parts:
            top = Path(*parts[: parts.index("site-packages") + 2])
            if top.is_dir():
                found.add(top)
    return found


def _interpreter(tree: Path, loaded: Loaded) -> list[str]:
    """That of this process where everybody can reach it, else a copy with what is loaded of its library."""
    program, library = Path(os.path.realpath(sys.executable)), Path(os.__file__).parent
    if _open_to_all(program) and _open_to_all(library):
        return [str(program)]
    binaries = tree / "bin"
    binaries.mkdir()
    for file in (program, *map(Path, loaded.libraries)):
        shutil.copy(file, binaries / file.name)
    modules = tree / "lib" / library.name
    (modules / "lib-dynload").mkdir(parents=True)  # the interpreter looks for it
    files = {Path(file) for file in loaded.files}
    # A module may go by another's name, as collections.abc does: what lies beside it in its package comes too.
    files |= {beside for file in files if file.name == "__init__.py" for beside in file.parent.glob("*.py")}
    for file in files:
        if file.is_relative_to(library) and "site-packages" not in file.parts and file.exists():
            goal = modules / file.relative_to(library)
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, goal)  # with its time, by which a compiled module is known to be the source's
    return ["env", f"LD_LIBRARY_PATH={binaries}", str(binaries / program.name)]


def _open_to_all(path: Path) -> bool:
    """Whether the mode bits let everybody read and enter, all the way down."""
    wanted = stat.S_IROTH | stat.S_IXOTH
    ways = all(parent.stat().st_mode & stat.S_IXOTH for parent in path.parents)
    return ways and path.stat().st_mode & wanted == wanted
