"""MIME parts as octets (RFC 2045, 2046, 2183): texts, files and the multiparts around them, without the email package.

Everything is 7bit: quoted-printable or base64 where need be, never 8bit (which O2 would allow), because a relay that
has to convert would break the DKIM signature. Must never write a line of more than 998 octets, and the same content
always gives the same octets.
"""

import base64
import binascii
import re
from typing import NamedTuple

from aimx import limits
from aimx.mime import write

_MEDIA_TYPE = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}\Z")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,60}\Z")
_OPAQUE = "application/octet-stream"
_PRINTABLE = bytes([9, 10, 13, *range(32, 61), *range(62, 127)])  # what quoted-printable leaves as it is
_LONG_LINE = re.compile(rb"^[^\n]{%d}" % (limits.LINE_OCTETS + 2), re.MULTILINE)  # its CR counts here
_FROM_LINE = re.compile(rb"^From ", re.MULTILINE)  # some programs put a `>` before it
_LONE = re.compile(rb"\r(?!\n)|(?<!\r)\n|\0")


class Part(NamedTuple):
    """Its `content-` fields, each with CRLF, and what follows the empty line."""

    head: bytes
    content: bytes

    @property
    def octets(self) -> bytes:
        """As it stands between two delimiters."""
        return self.head + b"\r\n" + self.content


class FileFields(NamedTuple):
    """What is said about an attachment. `filename` is empty when it has none; `content_id` has no brackets."""

    content_type: str
    filename: str
    parameters: tuple[tuple[str, str], ...] = ()
    content_id: str = ""


def text(content: str, subtype: str) -> Part:
    """A text part with CRLF line ends and a final one, as 7bit, quoted-printable or base64."""
    lines = content.replace("\r\n", "\n").replace("\r", "\n")
    if not lines.endswith("\n"):  # an empty text is one empty line
        lines += "\n"
    octets = lines.encode("utf-8", "replace").replace(b"\n", b"\r\n")
    encoding, octets = _encoded(octets)
    head = f"Content-Type: text/{subtype}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return Part(head.encode(), octets)


def _encoded(octets: bytes) -> tuple[str, bytes]:
    if octets.isascii() and b"\0" not in octets and not _LONG_LINE.search(octets) and not _FROM_LINE.search(octets):
        return "7bit", octets
    escapes = len(octets.translate(None, _PRINTABLE))
    if 4 * escapes > len(octets):  # clearly longer than base64; Latin scripts stay legible
        return "base64", _base64(octets)
    # The soft break keeps the line short enough; `rom ` begins no separator of a mail folder.
    lines = b"\n" + binascii.b2a_qp(octets, istext=True)
    return "quoted-printable", lines.replace(b"\nFrom ", b"\n=46=\r\nrom ")[1:]


def _base64(octets: bytes) -> bytes:
    return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def is_media_type(value: str) -> bool:
    """Whether this is `type/subtype` and nothing else."""
    return _MEDIA_TYPE.match(value) is not None


def file(fields: FileFields, content: bytes) -> Part:
    """An attachment, octet for octet. Raises: Refused for a name that cannot be written."""
    media_type, encoding, octets = fields.content_type.lower(), "base64", b""
    if media_type.startswith("message/") and _seven_bit(content):
        encoding, octets = "7bit", content
    elif media_type.startswith(("multipart/", "message/")) or not is_media_type(media_type):
        media_type = _OPAQUE  # those may not be base64 (RFC 2046 section 5)
    parameters = [pair for pair in fields.parameters if _PARAMETER_NAME.match(pair[0]) and media_type != _OPAQUE]
    name = [("name", fields.filename)] if fields.filename else []
    head = f"Content-Type: {media_type}{_parameters([*parameters, *name])}\r\n"
    if fields.content_id:
        head += f"Content-ID: <{fields.content_id}>\r\n"
    shown = "inline" if fields.content_id else "attachment"
    filename = [("filename", fields.filename)] if fields.filename else []
    head += f"Content-Disposition: {shown}{_parameters(filename)}\r\nContent-Transfer-Encoding: {encoding}\r\n"
    return Part(head.encode(), octets or _base64(content))


def _parameters(pairs: list[tuple[str, str]]) -> str:
    return "".join(write.parameter(name, value) for name, value in pairs)


def _seven_bit(octets: bytes) -> bool:
    return octets.isascii() and not _LONE.search(octets) and not _LONG_LINE.search(octets)


def multipart(subtype: str, parts: list[Part]) -> Part:
    """Parts, one after the other."""
    boundary = _boundary(parts)
    delimiter = f"--{boundary}\r\n".encode()
    pieces = [piece for part in parts for piece in (delimiter, part.head, b"\r\n", part.content, b"\r\n")]
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n'.encode()
    return Part(head, b"".join([*pieces, f"--{boundary}--\r\n".encode()]))


def _boundary(parts: list[Part]) -> str:
    """A delimiter that occurs in no part, derived from the content: no randomness is needed for that."""
    import hashlib  # starts OpenSSL, which a client that sends plain text does not wait for

    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.head)
        digest.update(part.content)
    stem, number = f"aimx-{digest.hexdigest()[:32]}", 0
    while any(f"--{stem}-{number}".encode() in part.content for part in parts):
        number += 1
    return f"{stem}-{number}"
