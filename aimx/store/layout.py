"""Where mail lies and what it is called (guide, "On-disk layout", "Email ID format")."""

import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import PurePath

from aimx import limits
from aimx.model.delivery import Folder

_SEPARATORS = re.compile(r"(?:[^\w]|_)+")
_ASCII_SEPARATORS = re.compile(r"[^0-9a-z]+")


def slug(subject: str) -> str:
    """The subject as part of a file name: at most 20 characters, `no-subject` when nothing is left.

    Normalised to NFC and lower case; every run of non-alphanumeric characters becomes `-`.
    """
    text = unicodedata.normalize("NFC", subject[:1000]).lower()
    if text.isascii():
        text = _ASCII_SEPARATORS.sub("-", text).strip("-")
    else:
        text = _SEPARATORS.sub("-", "".join(c if c.isalnum() else "-" for c in text)).strip("-")
    return text[: limits.SLUG_CHARACTERS].rstrip("-") or "no-subject"


def stem(received_at: float, subject: str) -> str:
    """`YYYY-MM-DD-HHMMSS-<slug>` in UTC."""
    return f"{second(int(received_at))}-{slug(subject)}"


@lru_cache(maxsize=16)
def second(at: int) -> str:
    """What the stems of a second begin with: `YYYY-MM-DD-HHMMSS` in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d-%H%M%S")


def numbered(base: str, attempt: int) -> str:
    """The stem of the n-th attempt: unchanged, then `-2`, `-3`, …"""
    return base if attempt == 1 else f"{base}-{attempt}"


def mailbox_path(data_dir: PurePath, folder: str, mailbox: str) -> str:
    """The directory of a mailbox."""
    return f"{data_dir}/{folder}/{mailbox}"


def message_path(data_dir: PurePath, folder: Folder, mailbox: str, name: str, bundle: bool) -> str:
    """The path of an id's message file: flat, or inside the bundle directory of the same name."""
    directory = mailbox_path(data_dir, folder, mailbox)
    return f"{directory}/{name}/{name}.md" if bundle else f"{directory}/{name}.md"


def is_component(name: str) -> bool:
    """Whether a name is exactly one path component: a defence, whoever says that it was checked before."""
    return name not in ("", ".", "..") and "/" not in name and "\0" not in name


def is_email_id(text: str) -> bool:
    """Whether a text can name a message (reference section 1.6); what cannot be asked for is not listed either."""
    return text != "" and ".." not in text and not any(character in text for character in "/\\\0")
