"""The octets of one message on their way through the front: in memory when small, an unlinked file when not."""

import os


class Payload:
    """`octets` for a small message; otherwise `fd`, an unlinked file that `close` gives back to the disk."""

    def __init__(self, octets: bytes | None, fd: int | None, size: int, digest: bytes) -> None:
        self.octets = octets
        self.fd = fd
        self.size = size
        self.digest = digest

    def read(self) -> bytes:
        """All octets; for the fallback of a lost analysis only."""
        if self.octets is not None:
            return self.octets
        assert self.fd is not None
        return os.pread(self.fd, self.size, 0)

    def close(self) -> None:
        """Release the file."""
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None
