"""Files of the system that are ours to write, in directories of root's: each appears as a whole, or not at all."""

import contextlib
import os
import shlex
from pathlib import Path

from aimx.errors import Failed


def says(path: Path, text: str) -> bool:
    """Whether the file is there and says just that. Raises: Failed when that cannot be seen."""
    try:
        return path.read_text() == text
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return False
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error


def first_word(path: Path, key: str, quoted: int = 1) -> str:
    """The first word of the line `key=…`, out of so many quotations; empty: no such file or line, or no words."""
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError):
        return ""
    found = next((line.partition("=")[2] for line in text.split("\n") if line.startswith(f"{key}=")), "")
    try:
        for _ in range(quoted):
            found = next(iter(shlex.split(found)), "")
    except ValueError:  # a quotation without an end
        return ""
    return found


def place(path: Path, text: str, mode: int) -> None:
    """Write it, durable when this returns. Raises: Failed; what was there before is there then."""
    new = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(fd, "w") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        os.rename(new, path)
        _sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise Failed(f"{path}: {error.strerror}") from error


def remove(path: Path) -> None:
    """Remove it if it is there. Raises: Failed."""
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync(path.parent)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}") from error


def _sync(directory: Path) -> None:
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
