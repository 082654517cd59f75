"""The program file: a shell script and, behind it, the compressed tree that it unpacks."""

import hashlib
from pathlib import Path

from install.release import archive
from install.release.targets import Target
from install.release.version import Version

_HEAD = Path(__file__).parent / "head.sh"
_WIDTH = 7  # digits of the offset, so that writing it does not move it


def program(tree: Path, target: Target, version: Version, glibc_minor: int) -> bytes:
    """One executable file."""
    # Not the directory itself: by its time an interrupted start is told from one under way.
    packed = archive.tar([(path, path.name) for path in sorted(tree.iterdir())], version.epoch)
    payload = archive.compressed(packed)
    digest = hashlib.sha256(payload).hexdigest()
    text = _HEAD.read_text()
    values = {
        "TAG": version.tag, "TRIPLE": target.triple, "MACHINE": target.machine, "LIBC": target.libc,
        "LOADER": target.loader,
        "GLIBC_MINOR": str(glibc_minor), "DIGEST": digest, "SHORT_DIGEST": digest[:16],
        "SIZE": str(round(len(packed) / 1_000_000)),
    }  # fmt: skip
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    length = len(text.replace("@OFFSET@", "0" * _WIDTH).encode())
    # `tail -c +N` counts from one; a number with leading zeros is still decimal to it.
    head = text.replace("@OFFSET@", str(length + 1).rjust(_WIDTH, "0"))
    return head.encode() + payload
