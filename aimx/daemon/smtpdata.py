"""DATA in bulk: octets up to CRLF.CRLF, dot-stuffing undone, everything else byte for byte (R2)."""

import hashlib

from aimx import limits, replies
from aimx.daemon.smtpstream import Reader
from aimx.effects.payload import Payload
from aimx.replies import SmtpReply

_END = b"\r\n.\r\n"


async def receive(reader: Reader) -> Payload | SmtpReply:
    """Read one message to its real end.

    Returns: the payload, or the reply that refuses it; the end of data has been consumed either way.
    Raises: SessionEnd, trio.TooSlowError; the session must then close.
    """
    data = bytearray(b"\r\n")  # so that a leading dot line looks like any other
    data += reader.buffer
    reader.buffer.clear()
    searched = 0
    while (end := data.find(_END, searched)) < 0:
        searched = max(0, len(data) - len(_END))
        if len(data) > limits.MESSAGE_OCTETS * 2:
            del data[: -len(_END)]
            searched = 0
        await reader.fill(limits.DATA_BLOCK_S)
        data += reader.buffer
        reader.buffer.clear()
    reader.buffer += data[end + len(_END) :]
    del data[end + 2 :]
    octets = bytes(data.replace(b"\r\n.", b"\r\n"))[2:]
    if len(octets) > limits.MESSAGE_OCTETS:
        return replies.TOO_BIG
    pairs = octets.count(b"\r\n")
    if octets.count(b"\n") != pairs or octets.count(b"\r") != pairs:
        return replies.BARE_LINE_END
    return Payload(octets, None, len(octets), hashlib.sha256(octets).digest())
