"""Real releases for a machine: the bundle of this checkout, and newer ones made of it; all below one directory.

The newer ones differ in their tag, and the broken one in a daemon that ends at once.
"""

import os
import re
import subprocess
from pathlib import Path

from install.release import Refused, archive, compiling, interpreter, program, sealing, telling
from install.release import __main__ as release
from install.release.targets import Target, target
from install.release.tree import GLIBC_MINOR
from install.release.version import Version, version

__all__ = ["Refused"]
PORT = 8000
BASE = f"http://127.0.0.1:{PORT}"
FIRST, NEWER, BROKEN = "1.0.0", "1.1.0", "1.2.0"
_DYING = '\n\ndef run(options: argparse.Namespace) -> int:\n    raise SystemExit("this release is broken")\n'


def make(directory: Path) -> Path:
    """All three; where they lie. Raises: Refused when this machine cannot build one."""
    out, machine = directory / "releases", target(f"{os.uname().machine}-unknown-linux-gnu")
    key = sealing.Key(None)
    first, goal = version(FIRST), out / FIRST
    goal.mkdir(parents=True)
    release.one(directory, goal, machine, release.Plan(first, (key.public,), None, True))
    telling.installers(goal, (key.public,), f"2.{GLIBC_MINOR}")
    sealing.seal(goal, key)
    telling.manifests(goal, first, BASE)
    for tag in (NEWER, BROKEN):
        _release(out / tag, version(tag), machine, directory / "tree", key)
    for name in ("latest.json", "install.sh"):
        (out / name).write_bytes((goal / name).read_bytes())
    for tag in (FIRST, NEWER, BROKEN):
        (out / f"tag-{tag}.json").write_bytes((out / tag / f"tag-{tag}.json").read_bytes())
    return out


def _release(goal: Path, this: Version, machine: Target, tree: Path, key: sealing.Key) -> None:
    """A release whose program is that of the tree under another tag."""
    place = interpreter.packages_of(tree, True)
    told = place / "aimx/built.py"
    text, count = re.subn(r"^TAG = \S+", f"TAG = {this.tag!r}", told.read_text(), flags=re.MULTILINE)
    assert count == 1
    told.write_text(text)
    if this.tag == BROKEN:
        serve = place / "aimx/cli/serve.py"
        serve.write_text(serve.read_text() + _DYING)
    subprocess.run(
        [tree / "bin/python3", "-s", "-P", compiling.__file__, tree], check=True, env={"PYTHONHASHSEED": "0"}
    )
    stem = f"aimx-{this.tag}-{machine.short}"
    inside = goal / stem
    inside.mkdir(parents=True)
    (inside / "aimx").write_bytes(program.program(tree, machine, this, interpreter.demands(tree, machine)))
    (inside / "aimx").chmod(0o755)
    tarball = goal / f"{stem}.tar.gz"
    archive.tar_gz(tarball, [(inside, stem)], this.epoch, 1)
    (inside / "aimx").unlink()
    inside.rmdir()
    (goal / f"{tarball.name}.sha256").write_text(sealing.checksum(tarball))
    sealing.seal(goal, key)
    telling.manifests(goal, this, BASE)
