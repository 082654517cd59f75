"""The leaves that are not body text, as files: content octet for octet, names that are safe (threats.md row 19).

Must never produce a name that leaves its directory, hides, looks like an option or equals a message file.
"""

import re
import unicodedata

from aimx import limits
from aimx.mime import body, clean, structured, words
from aimx.mime.parse import Entity
from aimx.model.message import Attachment

_UNSAFE = re.compile(f"[/\\\\{clean.UNWANTED}]+")
_ENDS = " \t\n\r\v\f.-_\u3000\xa0"
# The message file of a bundle is `<stem>.md`, and every stem starts with a date; such a name must not meet it, nor
# one that gets a number.
_MESSAGE_FILE = re.compile(r"\d{4}-\d{2}-\d{2}-\d{6}.*\.md\Z", re.IGNORECASE | re.DOTALL)
_NAMED = "attachment-"
_EXTENSIONS = {
    "message/rfc822": ".eml",
    "message/global": ".eml",
    "message/delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "text/rfc822-headers": ".txt",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/plain": ".txt",
    "text/html": ".html",
    "text/x-amp-html": ".html",
    "text/vcard": ".vcf",
    "text/markdown": ".md",
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/svg+xml": ".svg",
    "application/pdf": ".pdf",
    "application/json": ".json",
    "application/zip": ".zip",
    "application/pgp-signature": ".asc",
    "application/pgp-keys": ".asc",
    "application/pkcs7-signature": ".p7s",
    "audio/mpeg": ".mp3",
    "video/mp4": ".mp4",
}


class _Names:
    """File names given out within one message, unique without regard to case; linear in their number."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._next: dict[str, int] = {}

    def unique(self, name: str) -> str:
        key = unicodedata.normalize("NFC", name.casefold())
        candidate = name
        while unicodedata.normalize("NFC", candidate.casefold()) in self._taken:
            number = self._next[key] = self._next.get(key, 0) + 1
            stem, extension = _split(name)
            suffix = f"-{number}{extension}"
            candidate = _cut(stem, limits.FILE_NAME_OCTETS - len(suffix.encode())) + suffix
        self._taken.add(unicodedata.normalize("NFC", candidate.casefold()))
        return candidate


def collect(octets: bytes, leaves: tuple[Entity, ...]) -> tuple[Attachment, ...]:
    """The attachments of a message, in order."""
    names = _Names()
    return tuple(
        Attachment(names.unique(_name(leaf, index)), leaf.content_type[0], body.decoded(octets, leaf))
        for index, leaf in enumerate(leaves)
    )


def _name(leaf: Entity, index: int) -> str:
    claimed = structured.disposition(leaf.field("content-disposition"))[1].get("filename") or leaf.content_type[1].get(
        "name", ""
    )
    name = safe_name(claimed)
    if name:
        return name
    media_type = leaf.content_type[0]
    raw = leaf.remainder or media_type.startswith("multipart/")
    extension = ".mime" if raw else _EXTENSIONS.get(media_type, "")
    return f"{_NAMED}{index}{extension}"


def safe_name(claimed: str) -> str:
    """A claimed file name as one harmless path component; empty when nothing of it is left."""
    if not claimed:
        return ""
    if not (claimed.isascii() and "=?" not in claimed):
        claimed = words.decode(claimed[: 100 * limits.FILE_NAME_OCTETS])
    base = re.split(r"[/\\]", claimed.rstrip("/\\"))[-1][: 10 * limits.FILE_NAME_OCTETS]
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", base)).strip(_ENDS)
    if _MESSAGE_FILE.match(name):
        name = _NAMED + name
    stem, extension = _split(name)
    if len(name.encode("utf-8", "replace")) > limits.FILE_NAME_OCTETS:
        name = _cut(stem, limits.FILE_NAME_OCTETS - len(extension.encode())).strip(_ENDS) + extension
    return name


def is_safe(name: str) -> bool:
    """Whether a name is one that `collect` may give."""
    return (
        0 < len(name.encode()) <= limits.FILE_NAME_OCTETS
        and name == name.strip(_ENDS)
        and _UNSAFE.search(name) is None
        and _MESSAGE_FILE.match(name) is None
    )


def _split(name: str) -> tuple[str, str]:
    """Stem and extension (with its dot; only a short one counts)."""
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or len(extension.encode()) > 20:
        return name, ""
    return stem, dot + extension


def _cut(text: str, octets: int) -> str:
    """At most so many octets, cut between characters."""
    return text.encode()[:octets].decode("utf-8", "ignore")
