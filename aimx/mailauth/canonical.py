"""Canonicalization (RFC 6376 section 3.4) in linear time, octet for octet what dkimpy computes."""

_TABS_TO_SPACES = bytes.maketrans(b"\t", b" ")


def simple(body: bytes) -> bytes:
    """Exactly one CRLF ends the body; empty lines at its end do not count."""
    text = body.rstrip(b"\r\n")
    tail = body[len(text) :]
    if not tail.endswith(b"\n"):
        return body + b"\r\n"
    # The tail ends in CRLF pairs back to its last irregularity.
    odd = max(tail.rfind(b"\r\r"), tail.rfind(b"\n\n"))
    pairs = (len(tail) - odd - 1) // 2
    if pairs == 0:
        return body + b"\r\n"
    return body[: len(body) - 2 * pairs + 2]


def relaxed(body: bytes) -> bytes:
    """Runs of blanks are one space, none before a line end; an empty body is no octets at all."""
    text = simple(_squeezed(body).replace(b" \r\n", b"\r\n"))
    return b"" if text == b"\r\n" else text


def relaxed_fields(fields: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Names in lower case, values unfolded, runs of blanks one space, none at either end."""
    return [
        (name.lower().rstrip(), _squeezed(value.replace(b"\r\n", b"").replace(b"\n", b"")).strip() + b"\r\n")
        for name, value in fields
    ]


def _squeezed(octets: bytes) -> bytes:
    # Each replacement halves every run, so the number of passes is the logarithm of the longest.
    text = octets.translate(_TABS_TO_SPACES)
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    return text
