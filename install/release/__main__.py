"""Build a release directory from this checkout: bundles, package, wheel, source, checksums, signature, installers.

Artefacts of the same tag that are already in the directory (built on other machines) are told of and signed too.
"""

import argparse
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from install.release import Refused, archive, deb, program, sealing, source, telling, tree
from install.release.targets import TARGETS, Target, target
from install.release.version import Version, version

_PACKED = 1  # the program file is compressed already


class Plan(NamedTuple):
    """What is the same for every target. `keys`: public ones; `interpreter`: one that is given."""

    version: Version
    keys: tuple[str, ...]
    interpreter: Path | None
    rehearsal: bool


def main(words: list[str] | None = None) -> int:
    """Build; exit code."""
    options = arguments().parse_args(words)
    try:
        build(options)
    except Refused as refused:
        print(f"Error: {refused}", file=sys.stderr)
        return 1
    return 0


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m install.release", description=__doc__)
    parser.add_argument("--tag", help="of the release; default: what `git describe --tags` says")
    parser.add_argument(
        "--target", action="append", metavar="TRIPLE",
        help=f"{', '.join(TARGETS)}, or none; may be given again; default: this machine's",
    )  # fmt: skip
    parser.add_argument("--interpreter", type=Path, metavar="DIR", help="has bin/python3 and lib/python3.11")
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="private RSA key that signs; default: a throw-away key"
    )
    parser.add_argument(
        "--trust", action="append", type=Path, default=[], metavar="FILE", help="another public key to trust; again"
    )
    parser.add_argument(
        "--rehearsal", action="store_true", help="the key is a throw-away key: files may differ from the commit"
    )
    parser.add_argument("--unsigned", action="store_true", help="build again what another signed: no key but --trust")
    parser.add_argument("--url", default=telling.DOWNLOADS, help="below which <tag>/ will be downloaded from")
    parser.add_argument("--out", type=Path, default=Path("dist"), metavar="DIR", help="where <tag>/ is made: dist")
    return parser


def build(options: argparse.Namespace) -> None:
    """The steps, in order. Raises: Refused."""
    this = version(options.tag)
    key = None if options.unsigned else sealing.Key(options.key)
    rehearsal = key is not None and (options.rehearsal or options.key is None)
    if this.dirty and not rehearsal:
        raise Refused("files differ from the commit: what a real key signs is what everybody can build again")
    keys = (*([key.public] if key else []), *(sealing.trusted(file) for file in options.trust))
    if not keys:
        raise Refused("--unsigned takes the public keys of the release by --trust FILE")
    goal = options.out / this.tag
    goal.mkdir(parents=True, exist_ok=True)
    machines = options.target or [f"{platform.machine()}-unknown-linux-{tree.libc()}"]
    for machine in [target(triple) for triple in machines if triple != "none"]:
        with tempfile.TemporaryDirectory(prefix="aimx-release-") as made:
            one(Path(made), goal, machine, Plan(this, keys, options.interpreter, rehearsal))
    telling.installers(goal, keys, f"2.{tree.GLIBC_MINOR}")
    telling.notes(goal, this, options.url, keys[0])
    sealing.seal(goal, key)
    telling.manifests(goal, this, options.url)
    print(goal.absolute())
    if rehearsal:
        print("THROW-AWAY KEY: this is no release. Nothing else trusts what it signed; a release takes --key FILE.")


def one(work: Path, goal: Path, machine: Target, plan: Plan) -> None:
    """Everything for one target. Raises: Refused."""
    this, keys, given = plan.version, plan.keys, plan.interpreter
    anywhere = work / "anywhere"
    source.copy(anywhere / "source", this, "", keys)
    source.distributions(anywhere / "source", goal, this)
    source.copy(work / "source", this, machine.triple, keys)
    wheel = source.wheel(work / "source", this)
    needs = tree.make(work / "tree", machine, wheel, given, plan.rehearsal)
    stem = f"aimx-{this.tag}-{machine.short}"
    inside = work / stem
    inside.mkdir()
    (inside / "aimx").write_bytes(program.program(work / "tree", machine, this, needs))
    (inside / "aimx").chmod(0o755)
    for name in ("LICENSE", "README.md"):
        shutil.copy(work / "source" / name, inside)
    shutil.copytree(work / "source" / "book", inside / "book")
    tarball = goal / f"{stem}.tar.gz"
    archive.tar_gz(tarball, [(inside, stem)], this.epoch, _PACKED)
    (goal / f"{tarball.name}.sha256").write_text(sealing.checksum(tarball))
    if machine.libc == "gnu" and given is None:
        (work / "deb").mkdir()
        deb.make(goal, work / "deb", work / "tree", machine, this)


if __name__ == "__main__":
    sys.exit(main())
