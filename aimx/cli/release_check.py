"""`aimx release-check`: whether files in a directory are of a release, for install.sh where there is no openssl."""

import argparse
import json
from pathlib import Path

from aimx import built, limits
from aimx.cli import output
from aimx.errors import Exit, Failed


def arguments(parser: argparse.ArgumentParser) -> None:
    """One directory."""
    parser.add_argument("directory", metavar="DIR", type=Path, help="with SHA256SUMS and SHA256SUMS.sig")
    parser.add_argument("--json", action="store_true", help="print the names of the files as JSON")


def run(options: argparse.Namespace) -> int:
    """0 only when a key of this program signed the list, and every file there that it names is as it says."""
    from aimx.provision.upgrade import archive, sums
    from aimx.provision.upgrade.manifest import SIGNATURE, SUMS

    directory: Path = options.directory
    octets, signature = (_read(directory / name) for name in (SUMS, SIGNATURE))
    checked = []
    for name, wanted in sums.check(octets, signature, built.KEYS).items():
        path = directory / name
        if not path.exists():
            continue
        try:
            with open(path, "rb") as file:
                found = archive.digest(file)
        except OSError as error:
            raise Failed(f"{path}: {error.strerror}") from error
        if found != wanted:
            raise Failed(f"{path} is not what was released: its checksum is another one")
        checked.append(name)
    if not checked:
        raise Failed(f"{directory} holds no file that {SUMS} names")
    if options.json:
        output.write_json(json.dumps({"files": checked}).encode())
    else:
        output.write("\n".join(f"{name}: OK" for name in checked))
    return Exit.OK


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(limits.RELEASE_SUMS_OCTETS)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error
