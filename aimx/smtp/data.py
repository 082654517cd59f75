"""The octets of DATA (RFC 5321 section 4.5.2): dot-stuffed in pieces, so that a large message exists only once."""

from collections.abc import Iterator

from aimx import limits

END = b".\r\n"


def pieces(octets: bytes, piece_octets: int = limits.MX_PIECE_OCTETS) -> Iterator[bytes]:
    """The message as it goes over the wire, with the final dot at the end of the last piece."""
    start, size = 0, len(octets)
    while size - start > piece_octets:
        end = octets.rfind(b"\r\n", start, start + piece_octets) + 2
        if end < start + 2:  # a line longer than a piece; its CRLF stays in one
            end = start + piece_octets
            end -= octets[end - 1 : end] == b"\r"
        yield _stuffed(octets, start, end)
        start = end
    last = _stuffed(octets, start, size)
    yield last + (END if not size or octets.endswith(b"\r\n") else b"\r\n" + END)


def _stuffed(octets: bytes, start: int, end: int) -> bytes:
    piece = octets[start:end].replace(b"\r\n.", b"\r\n..")
    at_line_start = start == 0 or octets[start - 2 : start] == b"\r\n"
    return b"." + piece if at_line_start and piece.startswith(b".") else piece
