"""DKIM key pairs on disk (P3): where the pair of a selector is, reading one, replacing one.

A pair is written so that at no instant a reader finds half a file or no private key. The private key is the truth: the
public one is for people and is made from it, so that a crash between the two leaves nothing that cannot be repaired.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from aimx import limits
from aimx.effects import files

PRIVATE, PUBLIC = "private.key", "public.key"


class PrivateFile(NamedTuple):
    """A private key as found. `exposed`: others than its owner may read it; `foreign`: another than root owns it."""

    pem: bytes
    exposed: bool
    foreign: bool


def place(config_dir: Path, selector: str) -> Path:
    """The directory of the selector's pair: its own where it has one, else the one of all installations."""
    own = own_place(config_dir, selector)
    return own if os.path.lexists(own / PRIVATE) else config_dir / "dkim"


def own_place(config_dir: Path, selector: str) -> Path:
    """The directory that belongs to one selector alone. Names of DNS know no case."""
    return config_dir / "dkim" / selector.lower()


def read(directory: Path) -> PrivateFile:
    """The private key. Raises: OSError, also for what is no file."""
    fd = os.open(directory / PRIVATE, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(0, "not a file")
        pem = file.read(limits.KEY_FILE_OCTETS)
    return PrivateFile(pem, bool(found.st_mode & 0o077), os.geteuid() == 0 and found.st_uid != 0)


def public(directory: Path) -> bytes | None:
    """The public key beside it; None when there is none that can be read."""
    try:
        fd = os.open(directory / PUBLIC, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(fd, "rb") as file, contextlib.suppress(OSError):
        return file.read(limits.KEY_FILE_OCTETS)
    return None


def generate() -> bytes:
    """A new RSA private key, PKCS#1 PEM (guide: 2048 bits)."""
    key = rsa.generate_private_key(65537, limits.DKIM_KEY_BITS)
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())


@contextlib.contextmanager
def opened(config_dir: Path, selector: str | None) -> Iterator[int]:
    """The directory of a pair, made if missing, held for one writer at a time. None: the one without a selector.

    Raises: OSError.
    """
    fds = [files.open_directory(str(config_dir))]
    try:
        fcntl.flock(fds[-1], fcntl.LOCK_EX)  # before a directory is made, too
        fds.append(files.ensure_directory("dkim", 0o755, fds[-1]))
        if selector is not None:
            fds.append(files.ensure_directory(selector.lower(), 0o755, fds[-1]))
        yield fds[-1]
    finally:
        for fd in reversed(fds):
            os.close(fd)


def replace(directory: int, name: str, octets: bytes) -> None:
    """Write one file of a pair, durable when this returns. Raises: OSError, with the old file in place."""
    files.replace(directory, name, octets, 0o600 if name == PRIVATE else 0o644)
