"""The octets of one message on their way through the front: in memory when small, an unlinked file when not."""

import errno
import os
import tempfile
from collections.abc import Callable


class Payload:
    """`octets` for a small message; otherwise `fd`, an unlinked file that `close` gives back to the disk.

    `digest` is the SHA-256 of the octets. `release` is called once, when the octets are no longer held.
    """

    def __init__(
        self, octets: bytes | None, fd: int | None, size: int, digest: bytes, release: Callable[[], None] | None = None
    ) -> None:
        self.octets = octets
        self.fd = fd
        self.size = size
        self.digest = digest
        self._release = release

    def read(self) -> bytes:
        """All octets; for the fallback of a lost analysis only."""
        if self.octets is not None:
            return self.octets
        assert self.fd is not None
        pieces = bytearray()
        while piece := os.pread(self.fd, self.size - len(pieces), len(pieces)):
            pieces += piece
        return bytes(pieces)

    def close(self) -> None:
        """Release file and memory. May be called again."""
        self.octets = None
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
        if self._release is not None:
            self._release()
            self._release = None


def open_unlinked(directory: str) -> int:
    """A descriptor of a new file without a name: whatever happens to the process, nothing is left. Raises: OSError."""
    try:
        return os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        # What open(2) lists for kernels and file systems without O_TMPFILE.
        if error.errno not in (errno.EISDIR, errno.EOPNOTSUPP, errno.EINVAL):
            raise
    fd, name = tempfile.mkstemp(dir=directory, prefix="data-")
    os.unlink(name)
    return fd


def append(fd: int, octets: bytes) -> None:
    """Write everything at the file's end. Raises: OSError."""
    view = memoryview(octets)
    while view:
        view = view[os.write(fd, view) :]
