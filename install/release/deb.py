"""The package for Debian 12 and 13: the tree below /usr/lib/aimx, a program in /usr/bin, manual pages.

Installing it starts nothing and makes no user: `aimx setup` does that. Scripts of the package only look after a service
that setup has made.
"""

import gzip
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from install.release import Refused, archive, elf
from install.release.targets import Target
from install.release.version import ROOT, Version

_LIBRARY = "usr/lib/aimx"
_PROGRAM = """\
#!/bin/sh
exec /usr/lib/aimx/bin/python3 -I -X aimx_deb={path} -m {module} "$@"
"""
_PROGRAMS = {"aimx": "aimx.cli.main", "aimx-verifier": "aimx.verifier.main"}
_CONTROL = """\
Package: aimx
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: {depends}
Section: mail
Priority: optional
Homepage: https://aimx.email
Description: mail server for AI agents
 SMTP in, Markdown out, hooks that run agents. One daemon receives mail into
 mailboxes of Markdown files, sends and signs mail, and starts what the owner of
 a mailbox has told it to start; agents reach it by MCP or the command line.
 .
 The interpreter and all libraries but the C library are inside. Installing the
 package starts nothing; `sudo aimx setup` makes the service.
"""
_MAINTAINER = "The AIMX project <https://aimx.email>"
# A service that runs the program of the package, by its whole path: one of the same name comes first in the PATH.
_OWN = "^(ExecStart|command)=.?/usr/bin/aimx(.? |.?$)"
# A daemon goes on with the modules that it has loaded, and would fetch others from the new version. Drop-ins count.
_POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ] && [ -n "$2" ]; then
    if [ -d /run/systemd/system ]; then
        if systemctl --quiet is-active aimx.service &&
            systemctl show --property=ExecStart aimx.service | grep -q 'path=/usr/bin/aimx ;'; then
            deb-systemd-invoke restart aimx.service || true
        fi
    elif grep -Eqs '@OWN@' /etc/init.d/aimx && command -v rc-service >/dev/null; then
        rc-service --quiet --ifstarted aimx restart || true
    fi
fi
"""
# Without its program the service could only fail. One that runs another aimx is not the package's to remove, nor is
# that program, which would be found first in the PATH.
_PRERM = """\
#!/bin/sh
set -e
if [ "$1" = remove ] && grep -Eqs '@OWN@' \\
    /etc/systemd/system/aimx.service /etc/init.d/aimx; then
    /usr/bin/aimx uninstall --yes </dev/null >/dev/null ||
        echo "aimx: the service could not be removed; its unit still names /usr/bin/aimx" >&2
fi
"""
_POSTRM = """\
#!/bin/sh
set -e
if [ "$1" = purge ]; then
    for kept in /etc/aimx /var/lib/aimx; do
        if [ -e "$kept" ]; then echo "aimx: $kept is kept: keys and mail are not the package's to delete"; fi
    done
fi
"""
_COPYRIGHT = """\
AIMX is free software under the licence below. Beside it, below /usr/lib/aimx, are the interpreter and libraries of
Debian 12, whose terms are in /usr/lib/aimx/licences, and Python packages, whose terms are in their *.dist-info.

"""
_SCRIPTS = {
    name: text.replace("@OWN@", _OWN)
    for name, text in (("postinst", _POSTINST), ("prerm", _PRERM), ("postrm", _POSTRM))
}


def make(goal: Path, work: Path, tree: Path, target: Target, version: Version) -> Path:
    """Write the package; its path. `work`: an empty directory, `source` beside it. Raises: Refused."""
    root = work / "root"
    shutil.copytree(tree, root / _LIBRARY)
    (root / _LIBRARY / "settle.py").unlink()
    (root / "usr/bin").mkdir()
    for name, module in _PROGRAMS.items():
        program = root / "usr/bin" / name
        program.write_text(_PROGRAM.format(path=f"/usr/bin/{name}", module=module))
        program.chmod(0o755)
    _documents(root, work.parent / "source")
    control = work / "control"
    control.mkdir()
    (control / "control").write_text(
        _CONTROL.format(
            version=version.debian, architecture=target.debian, maintainer=_MAINTAINER, size=_kilobytes(root),
            depends=depends(root),
        )
    )  # fmt: skip
    (control / "md5sums").write_text(_sums(root))
    for name, text in _SCRIPTS.items():
        (control / name).write_text(text)
        (control / name).chmod(0o755)
    # GitHub stores no `~` in a name.
    path = goal / f"aimx_{version.debian.replace('~', '.')}_{target.debian}.deb"
    parts = {"debian-binary": b"2.0\n"}
    for name, directory in (("control.tar.gz", control), ("data.tar.gz", root)):
        parts[name] = archive.compressed(archive.tar([(directory, ".")], version.epoch))
    path.write_bytes(_ar(parts, version.epoch))
    return path


def depends(root: Path) -> str:
    """What the binaries need that is not inside: the C library, in the newest version that a symbol is asked for in."""
    read = (elf.read(path) for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    newest = max(binary.glibc_minor or 0 for binary in read if binary is not None)
    return f"libc6 (>= 2.{newest})"


def _documents(root: Path, source: Path) -> None:
    documents = root / "usr/share/doc/aimx"
    documents.mkdir(parents=True)
    (documents / "copyright").write_text(_COPYRIGHT + (ROOT / "LICENSE").read_text())
    shutil.copy(source / "README.md", documents)
    shutil.copytree(source / "book", documents / "book")
    (documents / "changelog.gz").write_bytes(gzip.compress((source / "CHANGELOG.md").read_bytes(), 9, mtime=0))
    manual = root / "usr/share/man/man1"
    manual.mkdir(parents=True)
    for name, text in pages(source).items():
        (manual / f"{name}.1.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))


_PAGES = """
import json, sys
sys.path.insert(0, sys.argv[1])
from aimx.cli import manual
print(json.dumps({"-".join(["aimx", *words]): manual.page(words) for words in manual.names()}))
"""


def pages(source: Path) -> dict[str, str]:
    """Every manual page, by its name. Raises: Refused."""
    done = subprocess.run(
        [sys.executable, "-P", "-c", _PAGES, str(source)], capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "80"},
    )  # fmt: skip
    if done.returncode:
        raise Refused(f"manual pages: {done.stderr.strip()[-500:]}")
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _kilobytes(root: Path) -> int:
    return sum(-(-path.stat().st_size // 1024) for path in root.rglob("*") if path.is_file())


def _sums(root: Path) -> str:
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    lines = (
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n"
        for path in files
    )
    return "".join(lines)


def _ar(parts: dict[str, bytes], epoch: int) -> bytes:
    """The container of a package, deb(5)."""
    out = io.BytesIO(b"!<arch>\n")
    out.seek(0, io.SEEK_END)
    for name, octets in parts.items():
        out.write(f"{name:<16}{epoch:<12}{0:<6}{0:<6}{0o100644:<8o}{len(octets):<10}`\n".encode())
        out.write(octets + b"\n" * (len(octets) % 2))
    return out.getvalue()
