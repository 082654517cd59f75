"""Files that a letter takes along: opened with the caller's rights, regular files only, sizes looked at before reading.

Never follows a FIFO or device into waiting, and never reads more than a frame can carry.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from aimx import limits
from aimx.errors import Refused
from aimx.model.draft import DraftFile

# Of what people and agents send. The library's table reads files of the system: 10 ms, and another answer on each host.
_TYPES = {
    "application/gzip": "gz tgz", "application/json": "json", "application/msword": "doc",
    "application/octet-stream": "bin", "application/pdf": "pdf", "application/rtf": "rtf",
    "application/toml": "toml", "application/vnd.ms-excel": "xls", "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.oasis.opendocument.presentation": "odp", "application/vnd.oasis.opendocument.spreadsheet": "ods",
    "application/vnd.oasis.opendocument.text": "odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/wasm": "wasm", "application/x-7z-compressed": "7z", "application/x-sh": "sh",
    "application/x-tar": "tar", "application/xml": "xml", "application/yaml": "yaml yml", "application/zip": "zip",
    "audio/aac": "aac", "audio/flac": "flac", "audio/mp4": "m4a", "audio/mpeg": "mp3", "audio/ogg": "oga ogg opus",
    "audio/wav": "wav", "font/otf": "otf", "font/ttf": "ttf", "font/woff2": "woff2",
    "image/avif": "avif", "image/bmp": "bmp", "image/gif": "gif", "image/heic": "heic", "image/jpeg": "jpg jpeg",
    "image/png": "png", "image/svg+xml": "svg", "image/tiff": "tif tiff", "image/webp": "webp",
    "image/x-icon": "ico", "message/rfc822": "eml", "text/calendar": "ics", "text/css": "css", "text/csv": "csv",
    "text/html": "html htm", "text/javascript": "js mjs", "text/markdown": "md markdown",
    "text/plain": "txt text log conf diff patch py", "text/tab-separated-values": "tsv", "text/vcard": "vcf",
    "video/mp4": "mp4", "video/mpeg": "mpeg mpg", "video/quicktime": "mov", "video/webm": "webm",
}  # fmt: skip
_ENCODED = 78 / 57  # base64: 57 octets on a line of 76 characters and CRLF


def collect(paths: list[str]) -> tuple[DraftFile, ...]:
    """The files in the order in which they were named. Raises: Refused."""
    with _all(paths) as opened:
        return tuple(DraftFile(os.path.basename(path), media_type(path), _read(path, fd)) for path, fd, _ in opened)


def sizes(paths: list[str]) -> list[int]:
    """Of each, in octets, without reading any. Raises: Refused, as `collect` would now."""
    with _all(paths) as opened:
        return [size for _, _, size in opened]


@contextmanager
def _all(paths: list[str]) -> Iterator[list[tuple[str, int, int]]]:
    """Path, descriptor, size. Raises: Refused."""
    opened: list[tuple[str, int, int]] = []
    try:
        for path in paths:
            fd = _open(path)
            opened.append((path, fd, os.fstat(fd).st_size))
        _fit(opened)
        yield opened
    finally:
        for _, fd, _ in opened:
            os.close(fd)


def media_type(path: str) -> str:
    """By the extension alone."""
    extension = os.path.splitext(path)[1][1:].lower()
    return next((kind for kind, known in _TYPES.items() if extension in known.split()), "application/octet-stream")


def mebibytes(octets: float) -> str:
    """A size for people."""
    return f"{octets / limits.MIB:.1f} MiB"


def _open(path: str) -> int:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # a path that holds a NUL names no file
        raise Refused(f"Attachment file not found: {path}") from None
    except OSError as error:
        if _special(path):
            raise Refused(f"Attachment path is not a file: {path}") from None
        raise Refused(f"Attachment cannot be read: {path}: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Refused(f"Attachment path is not a file: {path}")
    return fd


def _special(path: str) -> bool:
    """Whether something that does not open never would: a socket, for one."""
    try:
        return not stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        return False


def _fit(opened: list[tuple[str, int, int]]) -> None:
    encoded = sum(size for _, _, size in opened) * _ENCODED
    if encoded > limits.FRAME_BODY_OCTETS:
        sizes = ", ".join(f"{path} {mebibytes(size)}" for path, _, size in opened)
        raise Refused(
            f"the attachments are too large ({sizes}): as mail they take {mebibytes(encoded)},"
            f" a message holds {mebibytes(limits.FRAME_BODY_OCTETS)}"
        )


def _read(path: str, fd: int) -> bytes:
    """All of it, though it may have grown meanwhile."""
    with open(fd, "rb", closefd=False) as file:
        try:
            octets = file.read(limits.FRAME_BODY_OCTETS + 1)
        except OSError as error:
            raise Refused(f"Attachment cannot be read: {path}: {error.strerror}") from None
    if len(octets) > limits.FRAME_BODY_OCTETS:
        raise Refused(f"{path} has grown beyond the {mebibytes(limits.FRAME_BODY_OCTETS)} that a message holds")
    return octets
