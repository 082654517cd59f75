"""AIMX_TEST_MAIL_DROP: messages go to files instead of the network (O7). For tests only; announced at start."""

import fcntl
import os
import time
import uuid
from pathlib import Path

from aimx.errors import DeliveryDeferred

SEPARATOR = b"----- AIMX TEST DROP -----\n"


def drop(path: Path, octets: bytes) -> None:
    """One `.eml` per message in an existing directory, in the order of their names; otherwise appended to the file.

    Raises: DeliveryDeferred when it cannot be written.
    """
    try:
        if path.is_dir():
            _into(path, octets)
        else:
            _append(path, SEPARATOR + octets + b"\n")
    except OSError as error:
        raise DeliveryDeferred(f"AIMX_TEST_MAIL_DROP: {path}: {error.strerror}") from error


def _into(directory: Path, octets: bytes) -> None:
    """Whoever looks for `*.eml` never sees half a message."""
    name = f"{time.time_ns()}-{uuid.uuid4()}"
    part = directory / f".{name}.part"
    try:
        part.write_bytes(octets)
        part.rename(directory / f"{name}.eml")
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _append(path: Path, octets: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # messages of several threads, or daemons, stay whole
        file.write(octets)
