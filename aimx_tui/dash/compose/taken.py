"""The files of a mail that is sent on, fetched from the daemon whole, of one version, and no more than fit."""

from base64 import b64decode
from typing import Any

from aimx import limits
from aimx.drafting import forwards
from aimx.drafting.attachments import mebibytes
from aimx.errors import Refused
from aimx.model.draft import DraftFile
from aimx.wire.frames import AttachmentRead
from aimx_tui.dash.compose import letter as letters
from aimx_tui.dash.compose.letter import Taken
from aimx_tui.dash.gateway import Gateway

_TRIES = 3  # of reading a file that is exchanged meanwhile


async def files(gateway: Gateway, wanted: tuple[Taken, ...]) -> tuple[DraftFile, ...]:
    """With their content. Raises: what the gateway raises; Refused when they are too large."""
    found, left = [], limits.FRAME_BODY_OCTETS
    for one in wanted:
        content = await _content(gateway, one, left)
        left -= len(content)
        kind = forwards.sent_type(forwards.File(one.filename, one.content_type, one.path))
        found.append(DraftFile(letters.named(one), kind, content))
    return tuple(found)


async def size(gateway: Gateway, one: Taken) -> int:
    """In octets. Raises: what the gateway raises."""
    told = await gateway.value(AttachmentRead(one.mailbox, one.id, one.path, one.folder, 0, 1))
    return int(told["total"])


async def _content(gateway: Gateway, one: Taken, most: int) -> bytes:
    request = AttachmentRead(one.mailbox, one.id, one.path, one.folder)
    for _ in range(_TRIES):
        first: dict[str, Any] = await gateway.value(request)
        last, pieces = first, [b64decode(first["data"])]
        if first["total"] > most:
            raise Refused(f"its attachments take more than the {mebibytes(limits.FRAME_BODY_OCTETS)} of a message")
        while last["next"] is not None and last["version"] == first["version"]:
            last = await gateway.value(request._replace(offset=last["next"]))
            pieces.append(b64decode(last["data"]))
        if last["version"] == first["version"]:
            return b"".join(pieces)
    raise Refused(f"{letters.named(one)} was changed while it was read")
