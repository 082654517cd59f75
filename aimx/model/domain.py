"""Domain names as DNS writes them: A-labels (RFC 5890)."""

import re
from functools import lru_cache

import idna

from aimx import limits

# RFC 1035 host names plus the underscore, which selectors and service names use.
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")


def a_label(text: str) -> str | None:
    """The lower-case A-label form of a domain name without final dot; None when it is none (literals included)."""
    # Before the cache, which would keep whatever a sender makes up.
    return None if len(text) > limits.DOMAIN_NAME_OCTETS else _a_label(text)


def warm_up() -> None:
    """Load the tables and codecs of names that are no ASCII, before files may be out of reach."""
    a_label("\u00e4.test")


@lru_cache(maxsize=4096)
def _a_label(text: str) -> str | None:
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            return None
    name = text.lower()
    if len(name) > limits.DOMAIN_NAME_OCTETS or _NAME.fullmatch(name) is None:
        return None
    if any(len(label) > limits.DOMAIN_LABEL_OCTETS for label in name.split(".")):
        return None
    return name
