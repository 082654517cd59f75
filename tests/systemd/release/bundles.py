"""Real releases for a machine: the bundle of this checkout, and newer ones made of it; all below one directory.

The newer ones differ in their tag, and the broken one in a daemon that ends at once.
"""

import os
import re
import subprocess
import sys
import tarfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from install.release import Refused, archive, compiling, interpreter, program, sealing, telling
from install.release.targets import Target, target
from install.release.version import ROOT, Version, version

PORT = 8000
BASE = f"http://127.0.0.1:{PORT}"
FIRST, NEWER, BROKEN = "1.0.0", "1.1.0", "1.2.0"
_DYING = '\n\ndef run(options: argparse.Namespace) -> int:\n    raise SystemExit("this release is broken")\n'


def make(directory: Path) -> None:
    """All three. Raises: Refused when this machine cannot build one."""
    key_file = directory / "key.pem"
    _key(key_file)
    out = directory / "releases"
    argv = [sys.executable, "-m", "install.release", "--tag", FIRST, "--key", str(key_file), "--url", BASE]
    done = subprocess.run([*argv, "--out", str(out)], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr.strip())
    machine = target(f"{os.uname().machine}-unknown-linux-gnu")
    tree = directory / "tree"
    _unpack(out / FIRST / f"aimx-{FIRST}-{machine.short}.tar.gz", FIRST, machine, tree)
    key = sealing.Key(key_file)
    for tag in (NEWER, BROKEN):
        _release(out / tag, version(tag), machine, tree, key)
    for name in ("latest.json", "install.sh"):
        (out / name).write_bytes((out / FIRST / name).read_bytes())
    for tag in (FIRST, NEWER, BROKEN):
        (out / f"tag-{tag}.json").write_bytes((out / tag / f"tag-{tag}.json").read_bytes())


def _key(file: Path) -> None:
    private = rsa.generate_private_key(65537, sealing.BITS)
    form = serialization.PrivateFormat.PKCS8
    file.write_bytes(private.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()))


def _unpack(tarball: Path, tag: str, machine: Target, tree: Path) -> None:
    """The tree that the program file of a release holds."""
    with tarfile.open(tarball) as opened:
        file = opened.extractfile(f"aimx-{tag}-{machine.short}/aimx")
        assert file is not None
        octets = file.read()
    offset = re.search(rb"tail -c \+(\d+) ", octets)
    assert offset is not None
    tree.mkdir()
    subprocess.run(["tar", "-xzf", "-", "-C", str(tree)], input=octets[int(offset[1]) - 1 :], check=True)


def _release(goal: Path, this: Version, machine: Target, tree: Path, key: sealing.Key) -> None:
    """A release whose program is that of the tree under another tag."""
    place = interpreter.packages_of(tree, True)
    told = place / "aimx/built.py"
    told.write_text(re.sub(r'^TAG = "[^"]*"', f'TAG = "{this.tag}"', told.read_text(), flags=re.MULTILINE))
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
