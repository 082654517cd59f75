"""Encoded words (RFC 2047) in header text.

Must never raise, and never decode what is not an encoded word; the result may hold any character and is cleaned later.
"""

import binascii
import re

from aimx.mime import charset, structured, transfer

# RFC 2231 section 5 adds a language after `*`. Blanks inside are illegal and common. Each part ends at its own `?`.
_WORD = re.compile(r"=\?([^?*\s]{1,60})(?:\*[^?\s]{0,60})?\?([bBqQ])\?([^?]*+)\?=")


def decode(value: str) -> str:
    """The text with its encoded words decoded; blanks between two of them vanish (section 6.2).

    Neighbours of one charset are joined before decoding: many senders split multi-byte characters.
    """
    if "=?" not in value:
        return structured.latin(value)
    pieces: list[str] = []
    pending, label, position = bytearray(), "", 0
    for match in _WORD.finditer(value):
        between = value[position : match.start()]
        position = match.end()
        adjacent = bool(label) and not between.strip(" \t\r\n")
        if not adjacent or match[1].lower() != label:
            pieces.append(charset.decode(bytes(pending), label))
            pending.clear()
        if not adjacent:
            pieces.append(structured.latin(between))
        label = match[1].lower()
        pending += _octets(match[2], match[3])
    pieces.append(charset.decode(bytes(pending), label or None))
    pieces.append(structured.latin(value[position:]))
    return "".join(pieces)


def _octets(encoding: str, payload: str) -> bytes:
    octets = payload.encode("utf-8", "surrogateescape")
    if encoding in "bB":
        return transfer.base64(octets)
    return binascii.a2b_qp(octets, header=True)
