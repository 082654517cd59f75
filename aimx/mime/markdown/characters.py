"""Characters of Markdown: what HTML cannot hold, escapes, character references, classes, link targets.

Must never let through a link target whose scheme is not listed, however it is written.
"""

import html
import re
import unicodedata
from functools import lru_cache
from html.entities import html5
from urllib.parse import quote

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
PUNCTUATION = r"[!-/:-@\[-`{-~]"  # CommonMark section 2.1, ASCII punctuation
LINK_SCHEMES = frozenset(("http", "https", "mailto", "tel", "ftp", "xmpp"))  # what opens a page, a call or a letter
IMAGE_SCHEMES = frozenset(("http", "https"))
# XML 1.0 section 2.2: what no document may hold, not even as a reference
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_REFERENCE = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
REFERENCE = re.compile(_REFERENCE)
_ESCAPED = re.compile(rf"\\({PUNCTUATION})|({_REFERENCE})")
_BLANKS = re.compile(r"[ \t\n]+")
_URL_SAFE = ":/?#@!$&'()*+,;=%"  # RFC 3986 section 2.2 without brackets, and what is encoded already
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*")
_ODD = re.compile(r"[%&\\]|[^ -~]")  # what somebody may decode into a scheme
# Browsers drop tabs and newlines anywhere in a target and controls before it; what no reader sees is dropped here too.
_INVISIBLE = re.compile("[\x00-\x20\x7f-\xa0\xad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff]+")


def legal(text: str) -> str:
    """The text with LF line ends, and a visible mark in place of every character that HTML cannot hold."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ")
    return _ILLEGAL.sub(REPLACEMENT, text)


def character(reference: str) -> str | None:
    """What a character reference (`&…;`) stands for; None: it is no name that HTML knows."""
    if reference[1] != "#":
        return html5.get(reference[1:])
    digits = reference[2:-1]
    number = int(digits[1:], 16) if digits[0] in "xX" else int(digits)
    if not 0 < number <= 0x10FFFF:
        return REPLACEMENT
    return legal(chr(number))


def plain(source: str) -> str:
    """The source without backslash escapes and character references, as in targets, titles and info strings."""
    return _ESCAPED.sub(_unescape, source) if "\\" in source or "&" in source else source


def _unescape(match: re.Match[str]) -> str:
    if match[1]:
        return match[1]
    found = character(match[2])
    return match[2] if found is None else found


def label(source: str) -> str:
    """A link label as it is compared (CommonMark section 4.7)."""
    return _BLANKS.sub(" ", source.strip(" \t\n")).casefold()


def escape(text: str) -> str:
    """Text as content or quoted value of HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;")


def attribute(text: str) -> str:
    """Text as a quoted value in which line ends survive."""
    return escape(text).replace("\n", "&#10;").replace("\t", "&#9;")


def target(url: str, schemes: frozenset[str]) -> str | None:
    """A link's target as an attribute's value; None: it must not become a link."""
    visible = _INVISIBLE.sub("", url)
    head = re.split(r"[/?#]", visible, maxsplit=1)[0]
    name, colon, _ = head.partition(":")
    if colon and name.lower() not in schemes and (visible != url or _ODD.search(name) or _SCHEME.fullmatch(name)):
        return None
    if colon and not url.startswith(name):
        return None
    return html.escape(quote(url, safe=_URL_SAFE))


@lru_cache(maxsize=4096)
def kind(before_or_after: str) -> int:
    """0 for a letter and the like, 1 for punctuation, 2 for whitespace: what decides whether emphasis can start."""
    if before_or_after.isspace():
        return 2
    return 1 if unicodedata.category(before_or_after)[0] in "PS" else 0
