"""The program file in a release's tarball, whose checksum has been verified. Everything else in it is passed over."""

import hashlib
import tarfile
import zlib
from typing import BinaryIO

from aimx import limits
from aimx.errors import Failed


def digest(file: BinaryIO) -> str:
    """SHA-256 of an open file, from its beginning, in hex."""
    file.seek(0)
    found = hashlib.sha256()
    while piece := file.read(limits.COPY_OCTETS):
        found.update(piece)
    return found.hexdigest()


def program(tarball: BinaryIO, name: str, into: BinaryIO) -> None:
    """Copy the member of that name out. Raises: Failed; OSError of `into`."""
    tarball.seek(0)
    try:
        with tarfile.open(fileobj=tarball, mode="r|gz") as archive:
            for number, member in enumerate(archive):
                if number > limits.RELEASE_MEMBERS:
                    break
                if member.name == name:
                    return _copy(archive, member, into)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError) as error:  # the last two: numbers in it
        raise Failed(f"no archive of a release: {error}") from error
    raise Failed(f"there is no {name} in it")


def _copy(archive: tarfile.TarFile, member: tarfile.TarInfo, into: BinaryIO) -> None:
    content = archive.extractfile(member) if member.isreg() else None
    if content is None or member.size > limits.RELEASE_PROGRAM_OCTETS:
        raise Failed(f"{member.name} is no program file")
    left = member.size
    while left and (piece := content.read(min(left, limits.COPY_OCTETS))):
        into.write(piece)
        left -= len(piece)
    if left:
        raise Failed(f"{member.name} ends early")
