"""Lock anew: `python -m install.release.lock` writes install/release/locked/ from what PyPI and Debian have now."""

import argparse
import json
import sys
from pathlib import Path

from install.release import Refused, debian, packages
from install.release.targets import TARGETS


def main() -> int:
    """Write the locks; what has changed is for `git diff`."""
    parser = argparse.ArgumentParser(prog="python -m install.release.lock", description=__doc__)
    parser.add_argument("what", nargs="*", default=["debian", "packages"], choices=["debian", "packages"])
    what = parser.parse_args().what
    try:
        for target in TARGETS.values():
            if target.libc == "gnu" and "debian" in what:
                _write(debian.lock_file(target), [package._asdict() for package in debian.lock(target)])
        if "packages" in what:
            _write(packages.LOCK, packages.lock())
    except Refused as refused:
        print(f"Error: {refused}", file=sys.stderr)
        return 1
    return 0


def _write(path: Path, value: object) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    sys.exit(main())
