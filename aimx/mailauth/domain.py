"""Domain names as the public suffix list sees them: organizational domains, alignment."""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

_SUFFIXES = PublicSuffixList()


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
