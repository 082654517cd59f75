"""What a binary asks of the system: libraries, and the newest version of glibc's symbols. Reads, changes nothing."""

import re
import struct
from pathlib import Path
from typing import NamedTuple

_DYNAMIC, _LOAD = 2, 1  # program header types
_NEEDED, _STRTAB, _STRSZ = 1, 5, 10  # entries of the dynamic section
_GLIBC = re.compile(rb"\0GLIBC_2\.(\d+)(?:\.\d+)?(?=\0)")


class Binary(NamedTuple):
    """`glibc_minor`: of the newest version that a symbol is asked for in, 2.x; None: it asks for none."""

    needed: tuple[str, ...]
    glibc_minor: int | None


NONE = Binary((), None)


def read(path: Path) -> Binary | None:
    """None: no 64-bit little-endian ELF file, or one that is not linked dynamically."""
    octets = path.read_bytes()
    if octets[:6] != b"\x7fELF\x02\x01":
        return None
    start, size, count = _headers(octets)
    segments = [struct.unpack_from("<IIQQQQQQ", octets, start + index * size) for index in range(count)]
    dynamic = next((segment for segment in segments if segment[0] == _DYNAMIC), None)
    if dynamic is None:
        return None
    entries = []
    for place in range(dynamic[2], dynamic[2] + dynamic[5], 16):
        tag, value = struct.unpack_from("<QQ", octets, place)
        if tag == 0:
            break
        entries.append((tag, value))
    facts = dict(entries)
    load = next(s for s in segments if s[0] == _LOAD and s[3] <= facts[_STRTAB] < s[3] + s[5])
    begin = facts[_STRTAB] - load[3] + load[2]
    names = octets[begin : begin + facts[_STRSZ]]
    needed = tuple(names[value : names.index(b"\0", value)].decode() for tag, value in entries if tag == _NEEDED)
    versions = [int(found) for found in _GLIBC.findall(b"\0" + names)]
    return Binary(needed, max(versions, default=None))


def _headers(octets: bytes) -> tuple[int, int, int]:
    (start,) = struct.unpack_from("<Q", octets, 32)
    size, count = struct.unpack_from("<HH", octets, 54)
    return start, size, count
