"""Domain names as DNS and the public suffix list see them: A-labels, organizational domains, alignment."""

import re
from functools import lru_cache

import idna
from publicsuffixlist import PublicSuffixList

from aimx import limits

# RFC 1035 host names plus the underscore, which selectors and service names use.
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_SUFFIXES = PublicSuffixList()


def a_label(text: str) -> str | None:
    """The lower-case A-label form of a domain name without final dot; None when it is none (literals included)."""
    # Before the cache, which would keep whatever a sender makes up.
    return None if len(text) > limits.DOMAIN_NAME_OCTETS else _a_label(text)


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


@lru_cache(maxsize=4096)
def organizational(domain: str) -> str | None:
    """The organizational domain (RFC 7489 section 3.2) of an A-label name; None for a public suffix itself."""
    return _SUFFIXES.privatesuffix(domain)


def aligned(identifier: str, author_domain: str, strict: bool) -> bool:
    """Whether an authenticated A-label domain speaks for the author's (RFC 7489 section 3.1).

    A public suffix never does: nobody who may sign as `com` or `github.io` is one sender.
    """
    organization = organizational(identifier)
    if organization is None:
        return False
    return identifier == author_domain if strict else organization == organizational(author_domain)
