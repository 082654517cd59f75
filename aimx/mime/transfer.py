"""Content-Transfer-Encoding (RFC 2045 section 6): octets to octets, lenient and total.

Must never fail on bad input: what cannot be decoded is returned as it came.
"""

import binascii
import re

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def decode(octets: bytes, encoding: str) -> bytes:
    """The content behind a transfer encoding; unknown encodings (and 7bit, 8bit, binary) are the identity."""
    if encoding == "base64":
        return base64(octets)
    if encoding == "quoted-printable":
        return binascii.a2b_qp(octets)
    return octets


def base64(octets: bytes) -> bytes:
    """Base64 without its noise: foreign characters are skipped, a torn last quantum loses its incomplete octet."""
    try:
        content = binascii.a2b_base64(octets)
    except binascii.Error:
        digits = _NOT_BASE64.sub(b"", octets)
        if len(digits) % 4 == 1:  # six bits are no octet
            digits = digits[:-1]
        content = binascii.a2b_base64(digits + b"=" * (-len(digits) % 4))
    if not content and octets.strip(b"= \t\r\n"):
        return octets
    return content
