"""Archives that are the same octets whoever makes them, when and where: order, owner, times and modes are fixed."""

import gzip
import io
import tarfile
import time
import zipfile
from collections.abc import Iterable
from pathlib import Path

LEVEL = 6  # 9 takes three times as long for one hundredth


def tar(roots: Iterable[tuple[Path, str]], epoch: int) -> bytes:
    """Directories or files, each under a name; files are 0644, or 0755 where the owner may execute them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for root, name in roots:
            paths = [root, *sorted(root.rglob("*"))] if root.is_dir() else [root]
            for path in paths:
                inside = str(Path(name, path.relative_to(root)))
                archive.addfile(*_member(path, inside, epoch))
    return buffer.getvalue()


def _member(path: Path, name: str, epoch: int) -> tuple[tarfile.TarInfo, io.BytesIO | None]:
    entry = tarfile.TarInfo(name)
    entry.mtime = epoch
    if path.is_symlink():
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        return entry, None
    if path.is_dir():
        entry.type, entry.mode = tarfile.DIRTYPE, 0o755
        return entry, None
    octets = path.read_bytes()
    entry.size = len(octets)
    entry.mode = 0o755 if path.stat().st_mode & 0o100 else 0o644
    return entry, io.BytesIO(octets)


def compressed(octets: bytes, level: int = LEVEL) -> bytes:
    """gzip, without time and name."""
    return gzip.compress(octets, level, mtime=0)


def tar_gz(path: Path, roots: Iterable[tuple[Path, str]], epoch: int, level: int = LEVEL) -> None:
    """Write a compressed tarball."""
    path.write_bytes(compressed(tar(roots, epoch), level))


def zip_again(path: Path, epoch: int) -> None:
    """Write a zip archive anew: its builder lets the umask decide modes. The order of members stays."""
    with zipfile.ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as archive:
        for name, octets in members:
            entry = zipfile.ZipInfo(name, time.gmtime(epoch)[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, octets)
