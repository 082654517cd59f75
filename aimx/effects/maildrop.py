"""AIMX_TEST_MAIL_DROP: messages go to files instead of the network (O7). For tests only; announced at start."""

import os
import uuid
from pathlib import Path

SEPARATOR = b"----- AIMX TEST DROP -----\n"


def drop(path: Path, octets: bytes) -> None:
    """One `.eml` per message in an existing directory; otherwise appended to the file. Raises: OSError."""
    if path.is_dir():
        part = path / f".{uuid.uuid4()}.part"
        part.write_bytes(octets)
        part.rename(path / f"{uuid.uuid4()}.eml")
        return
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb", buffering=0) as file:
        file.write(SEPARATOR + octets + b"\n")
