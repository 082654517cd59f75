"""A stored message file, fetched from the daemon piece by piece and never of two versions."""

from typing import Any, NamedTuple

from aimx import limits
from aimx.errors import Refused
from aimx.mcp.tool import Daemon, ToolError
from aimx.mime import frontmatter
from aimx.wire.frames import EmailRead

CHANGED = "the email was changed while it was read; read it again"


class Whole(NamedTuple):
    """All of a file."""

    path: str
    text: str
    octets: int


async def whole(daemon: Daemon, request: EmailRead) -> Whole:
    """The file that is asked for. Raises: ToolError, also for one that no answer can hold."""
    for _ in range(limits.MCP_READ_TRIES):
        first = await daemon.value(request)
        if first["total"] > limits.MCP_EMAIL_OCTETS:
            raise ToolError(_too_large(request.id, first))
        texts, last = [first["text"]], first
        while last["next"] is not None and last["version"] == first["version"]:
            last = await daemon.value(request._replace(offset=last["next"]))
            texts.append(last["text"])
        if last["version"] == first["version"]:
            return Whole(first["path"], "".join(texts), first["total"])
    raise ToolError(CHANGED)


def _too_large(email_id: str, piece: dict[str, Any]) -> str:
    size, most = piece["total"] / limits.MIB, limits.MCP_EMAIL_OCTETS / limits.MIB
    return (
        f"Email '{email_id}' is {size:.1f} MiB long, and one answer holds {most:.0f} MiB:"
        f" read it in parts, with max_chars and offset, or from its file {piece['path']}"
    )


async def fields(daemon: Daemon, request: EmailRead) -> dict[str, Any]:
    """The frontmatter, however long the rest is. Raises: ToolError."""
    piece = await daemon.value(request)
    octets, version = piece["text"].encode(), piece["version"]
    while piece["next"] is not None and frontmatter.span(octets) is None and len(octets) < limits.FRONTMATTER_OCTETS:
        piece = await daemon.value(request._replace(offset=piece["next"]))
        if piece["version"] != version:
            raise ToolError(CHANGED)
        octets += piece["text"].encode()
    try:
        return frontmatter.read(octets)[0]
    except Refused as error:
        raise ToolError(f"Failed to parse email frontmatter: {error.reason}") from None
