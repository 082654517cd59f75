"""A stored message file, fetched from the daemon piece by piece and never of two versions."""

from typing import Any, NamedTuple

from aimx import limits
from aimx.errors import Refused
from aimx.mcp import cutting
from aimx.mcp.cutting import Wanted
from aimx.mcp.tool import Daemon, ToolError
from aimx.mime import frontmatter
from aimx.wire.frames import EmailRead

CHANGED = "the email was changed while it was read; read it again"


class Part(NamedTuple):
    """A part of a file. `next`: the character of it to go on with, None at the end. `octets`: of the whole file."""

    path: str
    text: str
    next: int | None
    octets: int


async def part(daemon: Daemon, request: EmailRead, wanted: Wanted) -> Part:
    """A part of a file, without what nobody can see. Raises: ToolError, also for more than an answer can hold."""
    for _ in range(limits.MCP_READ_TRIES):
        cut = cutting.Cut(wanted)
        first = last = await daemon.value(request)
        if wanted.most is None and first["total"] > limits.MCP_EMAIL_OCTETS:
            raise ToolError(_too_large(request.id, first))
        while last["version"] == first["version"]:
            cut.feed(last["text"], last["next"] is None)
            if cut.done or last["next"] is None:
                return Part(first["path"], cut.text, cut.next, first["total"])
            last = await daemon.value(request._replace(offset=last["next"]))
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
