"""Bare addresses that become links (GFM section 6.9): www., http://, https://, ftp://, mailto:, xmpp:, e-mail."""

import re
from typing import NamedTuple

from aimx import limits

_START = re.compile(r"(?:(?<=[\s*_~(])|^)www\.|(?<![A-Za-z0-9])(?:https?|ftp)://", re.IGNORECASE)
_DOMAIN = re.compile(rf"[\w.\-]{{1,{limits.DOMAIN_OCTETS}}}")
_REST = re.compile(r"[^\s<]*+")
_BRACKETED_REST = re.compile(r"[^\s<\]]*+")
_REFERENCE = re.compile(r"&[A-Za-z0-9]+;\Z")
_TRAILING = frozenset("?!.,:*_~'\"")
_LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+")
_MAIL_DOMAIN = re.compile(r"[A-Za-z0-9_\-]++(?:\.[A-Za-z0-9_\-]++)++")
_RESOURCE = re.compile(r"/[A-Za-z0-9@.]++")


class Bare(NamedTuple):
    """A bare address: where it stands and where it leads."""

    start: int
    end: int
    url: str


def starts(text: str) -> list[int]:
    """Where a web address may begin."""
    if "://" not in text and "www." not in text.lower():
        return []
    return [match.start() for match in _START.finditer(text)]


def web(text: str, start: int, *, bracketed: bool) -> Bare | None:
    """The web address that begins here. In brackets it ends before the closing one."""
    www = text[start] in "wW"
    begin = start if www else text.index("://", start) + 3
    domain = _DOMAIN.match(text, begin)
    if domain is None or domain[0][0] in ".-":
        return None
    segments = domain[0].rstrip(".-_").split(".")
    if not segments[-1] or any("_" in segment for segment in segments[-2:]) or (www and len(segments) < 2):
        return None
    rest = (_BRACKETED_REST if bracketed else _REST).match(text, begin)
    end = _trimmed(text, start, begin if rest is None else rest.end())
    if end <= begin + (len("www.") if www else 0):
        return None
    return Bare(start, end, f"http://{text[start:end]}" if www else text[start:end])


def _trimmed(text: str, start: int, end: int) -> int:
    """The end without trailing punctuation, unmatched parentheses and what looks like a character reference."""
    closing: int | None = None  # how many more are closed than opened; counted once
    while end > start:
        last = text[end - 1]
        if last in _TRAILING:
            end -= 1
        elif last == ";":
            # No reference is longer; a longer look back would be taken again for each of many semicolons.
            match = _REFERENCE.search(text, max(start, end - limits.MARKDOWN_REFERENCE_CHARACTERS), end)
            end = end - 1 if match is None else match.start()
        elif last == ")":
            if closing is None:
                closing = text.count(")", start, end) - text.count("(", start, end)
            if closing <= 0:
                return end
            closing -= 1
            end -= 1
        else:
            return end
    return end


def mail(text: str) -> list[Bare]:
    """The e-mail addresses in a text, in order."""
    found: list[Bare] = []
    behind = 0
    at = text.find("@")
    while at >= 0:
        address = _address(text, at, behind)
        if address is not None:
            found.append(address)
            behind = address.end
        at = text.find("@", max(at + 1, behind))
    return found


def _address(text: str, at: int, behind: int) -> Bare | None:
    start = at
    while start > behind and text[start - 1] in _LOCAL:
        start -= 1
    domain = _MAIL_DOMAIN.match(text, at + 1)
    if start == at or domain is None or domain[0][-1] in "-_":
        return None
    end = domain.end()
    for scheme in ("mailto:", "xmpp:"):
        if text.endswith(scheme, behind, start):
            if scheme == "xmpp:":
                resource = _RESOURCE.match(text, end)
                end = end if resource is None else resource.end()
            return Bare(start - len(scheme), end, text[start - len(scheme) : end])
    return Bare(start, end, f"mailto:{text[start:end]}")
