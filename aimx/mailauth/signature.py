"""One DKIM-Signature field, read by the rules of RFC 6376 section 3.5 and 8301 before anything is computed."""

import base64
import binascii
import re
from typing import NamedTuple

from aimx import limits
from aimx.mailauth.fields import Field
from aimx.model.domain import a_label

_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# Folded lines of blanks only, or of controls that dkimpy's expression for b= takes for blanks: legal nowhere, and the
# expression is super-linear on many of them.
_BAD_FOLDING = re.compile(rb"\n[ \t]*\r\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FOLDING = re.compile(r"[ \t\r\n]+")
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}
_CANONICALIZATIONS = ("simple", "relaxed")
_SHA256_OCTETS = 32


class Unusable(Exception):
    """A signature or key that cannot verify, with its RFC 8601 word."""

    def __init__(self, why: str, result: str = "permerror") -> None:
        super().__init__(why)
        self.result = result


class Signature(NamedTuple):
    """A well-formed signature. `names` are the lower-case names of h=, in order."""

    field: Field
    tags: dict[str, str]
    sdid: str
    selector: str
    identity_domain: str
    key_type: str
    header_canonicalization: str
    body_canonicalization: str
    names: tuple[str, ...]
    body_hash: bytes
    length: int | None

    @property
    def key_name(self) -> str:
        """Where its public key is published."""
        return f"{self.selector}._domainkey.{self.sdid}"


def tag_list(text: str) -> dict[str, str]:
    """A tag=value list (RFC 6376 section 3.2). Raises: Unusable."""
    tags: dict[str, str] = {}
    specs = text.split(";")
    if not specs[-1].strip():
        specs.pop()
    for spec in specs:
        name, equals, value = spec.partition("=")
        name = name.strip()
        if not equals or _TAG_NAME.fullmatch(name) is None:
            raise Unusable("malformed tag list")
        if name in tags:
            raise Unusable("a tag twice")
        tags[name] = value.strip()
    return tags


def base64_octets(text: str) -> bytes:
    """Base64 with folding blanks. Raises: Unusable."""
    try:
        return base64.b64decode(_FOLDING.sub("", text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise Unusable("malformed base64") from error


def read(field: Field, now: float) -> Signature:
    """The signature in one field, its expiry judged at `now`. Raises: Unusable."""
    if len(field.value) > limits.DKIM_SIGNATURE_OCTETS:
        raise Unusable("signature too long")
    if _BAD_FOLDING.search(field.value) is not None:
        raise Unusable("malformed folding")
    try:
        tags = tag_list(field.value.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Unusable("malformed tag list") from error
    for name in ("v", "a", "b", "bh", "d", "h", "s"):
        if not tags.get(name):
            raise Unusable(f"no {name}=")
    if tags["v"] != "1":
        raise Unusable("unknown version")
    key_type = _ALGORITHMS.get(tags["a"].lower())
    if key_type is None:
        raise Unusable("unacceptable algorithm")
    base64_octets(tags["b"])
    _check_times(tags, now)
    sdid, selector, identity_domain = _names(tags)
    header, body = _canonicalization(tags.get("c", "simple/simple").lower())
    length = _number(tags, "l")
    return Signature(
        field, tags, sdid, selector, identity_domain, key_type, header, body, _signed(tags["h"]),
        _body_hash(tags["bh"]), length,
    )  # fmt: skip


def _names(tags: dict[str, str]) -> tuple[str, str, str]:
    sdid = a_label(tags["d"])
    if sdid is None or "." not in sdid:
        raise Unusable("malformed d=")
    selector = a_label(tags["s"])
    if selector is None or a_label(f"{selector}._domainkey.{sdid}") is None:
        raise Unusable("malformed s=")
    identity_domain = sdid
    if "i" in tags:
        identity_domain = a_label(tags["i"].rpartition("@")[2]) or ""
        if "@" not in tags["i"] or not f".{identity_domain}".endswith(f".{sdid}"):
            raise Unusable("i= outside d=")
    methods = [method.strip().lower() for method in tags.get("q", "dns/txt").split(":")]
    if "dns/txt" not in methods:
        raise Unusable("unknown query method")
    return sdid, selector, identity_domain


def _canonicalization(text: str) -> tuple[str, str]:
    header, _, body = text.partition("/")
    body = body or "simple"
    if header not in _CANONICALIZATIONS or body not in _CANONICALIZATIONS:
        raise Unusable("unknown canonicalization")
    return header, body


def _signed(text: str) -> tuple[str, ...]:
    if text.count(":") >= limits.DKIM_HEADER_NAMES:
        raise Unusable("too many names in h=")
    names = tuple(name.strip().lower() for name in text.split(":"))
    if not all(name.isascii() for name in names):
        raise Unusable("malformed h=")
    if "from" not in names:
        raise Unusable("From not signed")
    return names


def _body_hash(text: str) -> bytes:
    octets = base64_octets(text)
    if len(octets) != _SHA256_OCTETS:
        raise Unusable("malformed bh=")
    return octets


def _check_times(tags: dict[str, str], now: float) -> None:
    signed, expires = _number(tags, "t"), _number(tags, "x")
    if signed is not None and signed > now + limits.DKIM_CLOCK_SKEW_S:
        raise Unusable("signed in the future")
    if expires is not None and expires < now - limits.DKIM_CLOCK_SKEW_S:
        raise Unusable("expired")
    if signed is not None and expires is not None and expires < signed:
        raise Unusable("expires before it was signed")


def _number(tags: dict[str, str], name: str) -> int | None:
    text = tags.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > limits.DKIM_NUMBER_DIGITS:
        raise Unusable(f"malformed {name}=")
    return int(text)
