"""How inputs are cut into what a target needs, and what all outputs owe."""

import unicodedata

from aimx.mime import clean

BIDI_CONTROLS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


def text(octets: bytes) -> str:
    """As text, whatever it is; lone surrogates included, from octets that are no UTF-8."""
    return octets.decode("utf-8", "surrogateescape")


def legal(octets: bytes) -> str:
    """As text that UTF-8 can write."""
    return octets.decode("utf-8", "replace")


def step(octets: bytes) -> tuple[int, bytes]:
    """The first octet says how large pieces are; the rest is the input."""
    return (octets[0] % 40 + 1, octets[1:]) if octets else (1, b"")


def pieces(octets: bytes, size: int) -> list[bytes]:
    """The octets in pieces."""
    return [octets[at : at + size] for at in range(0, len(octets), size)]


def fields(octets: bytes, count: int) -> list[bytes]:
    """Up to so many fields, which octet 0x1E ends; missing ones are empty."""
    found = octets.split(b"\x1e", count - 1)
    return found + [b""] * (count - len(found))


def one_safe_line(value: str) -> None:
    """A value that is shown on one line and cannot be obeyed."""
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value), ascii(value)
    assert not any(unicodedata.bidirectional(character) in BIDI_CONTROLS for character in value), ascii(value)
    assert len(value.splitlines()) <= 1, ascii(value)


def safe_body(value: str) -> None:
    """Text with line feeds and tabs and no other control."""
    assert clean.body(value) == value, ascii(value)
