"""Read a message file in pieces, cut between characters (S2: through the descriptors of Folders, never by path)."""

import itertools
import os
from collections.abc import Iterator

from aimx import limits
from aimx.effects.files import Rest
from aimx.errors import EmailNotFound, StorageFailed
from aimx.model.delivery import Folder
from aimx.model.query import Box, Chunk, FileOf, Piece
from aimx.store import layout
from aimx.store.mailbox import Unreadable
from aimx.store.tree import Tree

_LONGEST = 4  # octets of a character in UTF-8


def piece(tree: Tree, box: Box, folder: Folder, email_id: str, offset: int, most: int) -> Piece:
    """At most `most` octets from `offset` on, or from behind the character that it lies in.

    Octets that are not UTF-8 are shown as U+FFFD. Raises: EmailNotFound, StorageFailed.
    """
    try:
        fd, bundle = tree.folders.find_message(folder, box.name, box.owner, email_id)
    except Unreadable as error:
        raise EmailNotFound(f"email '{email_id}' not found in {folder}/{box.name}") from error
    except OSError as error:
        raise _failed(folder, box, email_id, error) from error
    try:
        status = os.fstat(fd)
        total = status.st_size
        around = _octets(fd, offset - _LONGEST + 1, offset), _octets(fd, offset, offset + _LONGEST)
        begin = min(offset + _inside(*around), total)
        octets = _octets(fd, begin, begin + max(_LONGEST, min(most, limits.READ_PIECE_OCTETS)))
    except OSError as error:
        raise _failed(folder, box, email_id, error) from error
    finally:
        os.close(fd)
    end = begin + len(octets)
    if end < total:
        octets = _whole(octets)
        end = begin + len(octets)
    path = layout.message_path(tree.path, folder, box.name, email_id, bundle)
    more = end < total and len(octets) > 0  # nothing: somebody cut the file meanwhile
    return Piece(path, octets.decode(errors="replace"), begin, end if more else None, total, _version(status))


def chunk(tree: Tree, box: Box, file: FileOf, window: tuple[int, int]) -> Chunk:
    """Octets of an attachment: from the first number on, at most the second. Raises: EmailNotFound, StorageFailed."""
    try:
        fd = tree.folders.open_attachment(file, box.name, box.owner)
    except Unreadable as error:
        where = f"{file.folder}/{box.name}"
        raise EmailNotFound(f"email '{file.id}' in {where} has no attachment '{file.name}'") from error
    except OSError as error:
        raise _failed(file.folder, box, file.id, error) from error
    try:
        status = os.fstat(fd)
        begin = min(window[0], status.st_size)
        octets = _octets(fd, begin, min(status.st_size, begin + max(1, min(window[1], limits.READ_PIECE_OCTETS))))
    except OSError as error:
        raise _failed(file.folder, box, file.id, error) from error
    finally:
        os.close(fd)
    end = begin + len(octets)
    path = layout.message_path(tree.path, file.folder, box.name, file.id, True).rpartition("/")[0]
    more = end < status.st_size and len(octets) > 0  # nothing: somebody cut the file meanwhile
    return Chunk(f"{path}/{file.name}", octets, begin, end if more else None, status.st_size, _version(status))


def _version(status: os.stat_result) -> str:
    return f"{status.st_mtime_ns:x}-{status.st_ino:x}-{status.st_size:x}"


def _failed(folder: Folder, box: Box, email_id: str, error: OSError) -> StorageFailed:
    why = os.strerror(error.errno or 0)
    return StorageFailed(f"failed to read email '{email_id}' in {folder}/{box.name}: {why}", detail=str(error))


def _octets(fd: int, start: int, end: int) -> bytes:
    start = max(0, start)
    return b"".join(Rest(fd, start, end - start).pieces())


def _length(lead: int) -> int:
    """How long a character is that begins so; 0: none does."""
    if lead < 0xC2 or lead > 0xF4:
        return 0 if lead > 0x7F else 1
    return 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4


def _inside(before: bytes, behind: bytes) -> int:
    """How many octets of a character that began before are still to come."""
    missing = next((_length(octet) - back for back, octet in _leads(before)), 0)
    return sum(1 for _ in itertools.takewhile(_continues, behind[: max(0, missing)]))


def _whole(octets: bytes) -> bytes:
    """Without a character at the end that has only begun."""
    return octets[:-back] if (back := _begun(octets)) else octets


def _begun(octets: bytes) -> int:
    """How many octets at the end are the beginning of a character that needs more."""
    return next((back for back, octet in _leads(octets) if _length(octet) > back), 0)


def _leads(octets: bytes) -> Iterator[tuple[int, int]]:
    """The octet that the last character begins with, and how far from the end."""
    for back, octet in enumerate(reversed(octets[-_LONGEST + 1 :]), 1):
        if not _continues(octet):
            yield back, octet
            return


def _continues(octet: int) -> bool:
    return octet & 0xC0 == 0x80
