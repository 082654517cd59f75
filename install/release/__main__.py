"""`python -m install.release`: build a release directory from this checkout."""

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from install.release import Refused, program, source, tree
from install.release.targets import TARGETS, target
from install.release.version import version


def main() -> int:
    """Build; exit code."""
    parser = argparse.ArgumentParser(prog="python -m install.release", description=__doc__)
    parser.add_argument("--tag", help="of the release; default: what `git describe --tags` says")
    parser.add_argument("--target", help=f"one of {', '.join(TARGETS)}; default: this machine")
    parser.add_argument("--interpreter", type=Path, metavar="DIR", help="with bin/python3 and lib/python3.11")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="where <tag>/ is made (default: dist)")
    options = parser.parse_args()
    try:
        build(options)
    except Refused as refused:
        print(f"Error: {refused}", file=sys.stderr)
        return 1
    return 0


def build(options: argparse.Namespace) -> None:
    """The steps, in order."""
    this = version(options.tag)
    goal = options.out / this.tag
    goal.mkdir(parents=True, exist_ok=True)
    machine = target(options.target or f"{platform.machine()}-unknown-linux-gnu")
    with tempfile.TemporaryDirectory() as made:
        work = Path(made)
        source.copy(work / "source", this, machine.triple, ())
        wheel, _sdist = source.distributions(work / "source", goal, this)
        needs = tree.make(work / "tree", machine, wheel, options.interpreter)
        file = goal / "aimx"
        file.write_bytes(program.program(work / "tree", machine, this, needs))
        file.chmod(0o755)
        print(file)


if __name__ == "__main__":
    sys.exit(main())
