"""`attachment_read`: a file that came with an email, as far as a model can use it.

Text as text, small pictures as pictures, everything else as a link to the file. Nothing is unpacked, rendered or run.
"""

import re
from base64 import b64decode, b64encode
from pathlib import PurePath
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from aimx import limits
from aimx.drafting import forwards
from aimx.drafting.attachments import mebibytes, media_type
from aimx.drafting.forwards import File
from aimx.mcp import parameters, reading, untrusted
from aimx.mcp.parameters import EmailId, Folder, MailboxName
from aimx.mcp.searching import told
from aimx.mcp.tool import Call, Daemon, Hints, Link, Picture, Told, Tool, ToolError
from aimx.mcp.untrusted import DATA, Fence
from aimx.mime import clean
from aimx.wire.frames import AttachmentRead, EmailRead

_TEXTS = re.compile(
    r"text/.*|.*\+(?:json|xml|yaml)|application/(?:x-)?(?:json|ndjson|xml|yaml|toml|javascript|sh|sql|csv|ics|pem-file)"
)
_ANYTHING = "application/octet-stream"
_PICTURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
             (b"GIF89a", "image/gif"))  # fmt: skip
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


class Asked(msgspec.Struct, frozen=True):
    """What `attachment_read` takes."""

    mailbox: MailboxName
    id: EmailId
    filename: Annotated[
        str, Meta(description="Which one, as [[attachments]] of the email names it; may be left out if there is one.")
    ] = ""
    folder: Folder = "inbox"
    max_chars: Annotated[int, Meta(description="Most characters of a text; default 50000.", ge=1)] = (
        limits.MCP_ATTACHMENT_CHARACTERS
    )
    offset: Annotated[int, Meta(description="Characters of a text to skip: next_offset of the part before.", ge=0)] = 0
    fence: Fence = False


class Attached(msgspec.Struct, frozen=True):
    """What `attachment_read` gives. Of a text the text, of anything else the place."""

    filename: str
    content_type: Annotated[str, Meta(description="Of a picture what it is; else what the sender says.")]
    size: Annotated[int, Meta(description="Octets of the file.")]
    path: Annotated[str, Meta(description="Absolute path of the file.")]
    kind: Annotated[str, Meta(description="How it is told: text, image or link.")]
    text: Annotated[str, Meta(description="Of a text: its text, or a part of it.")] = ""
    next_offset: Annotated[int | None, Meta(description="offset of what follows; null when nothing does.")] = None
    fence: Annotated[str, Meta(description="The word of the lines around text.")] = ""


async def octets(daemon: Daemon, request: AttachmentRead, most: int) -> tuple[dict[str, Any], bytes]:
    """The first piece as it was answered, and the content if it has at most so many octets, else its beginning.

    Raises: ToolError.
    """
    for _ in range(limits.MCP_READ_TRIES):
        first = last = await daemon.value(request)
        pieces = [b64decode(first["data"])]
        while last["next"] is not None and first["total"] <= most and last["version"] == first["version"]:
            last = await daemon.value(request._replace(offset=last["next"]))
            pieces.append(b64decode(last["data"]))
        if last["version"] == first["version"]:
            return first, b"".join(pieces)
    raise ToolError(reading.CHANGED)


async def _read(call: Call, asked: Asked) -> Told:
    folder, email_id = parameters.folder(asked.folder), parameters.email_id(asked.id)
    fields = await reading.fields(call.daemon, EmailRead(asked.mailbox, email_id, folder))
    file = _chosen(forwards.files(fields), asked)
    request = AttachmentRead(asked.mailbox, email_id, file.path, folder)
    about, content = await octets(call.daemon, request, limits.MCP_ATTACHMENT_OCTETS)
    whole = len(content) == about["total"]
    known = {"filename": clean.one_line(file.filename), "size": about["total"], "path": about["path"]}
    picture = _picture(content) if whole and len(content) <= limits.MCP_PICTURE_OCTETS else ""
    if picture:
        value = {**known, "content_type": picture, "kind": "image", "text": "", "next_offset": None, "fence": ""}
        return told(value)._replace(more=(Picture(b64encode(content).decode(), picture),))
    text = _text(content, file) if whole else None
    if text is not None:
        return told({**known, "content_type": file.content_type, **_part(text, asked)})
    value = {**known, "content_type": file.content_type, "kind": "link", "text": "", "next_offset": None, "fence": ""}
    link = Link(PurePath(about["path"]).as_uri(), known["filename"], file.content_type, about["total"])
    return told(value)._replace(more=(link,))


def _chosen(files: list[File], asked: Asked) -> File:
    """Raises: ToolError."""
    names = ", ".join(clean.one_line(file.filename) for file in files)
    if not files:
        raise ToolError(f"Email '{asked.id}' has no attachments.")
    if not asked.filename and len(files) > 1:
        raise ToolError(f"Email '{asked.id}' has {len(files)} attachments; filename says which one: {names}")
    for file in files:
        if asked.filename in ("", file.filename, clean.one_line(file.filename)):
            return file
    raise ToolError(f"Email '{asked.id}' has no attachment '{asked.filename}'. It has: {names}")


def _picture(content: bytes) -> str:
    """Which picture it is, by what it begins with; empty: none that models read."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _PICTURES if content.startswith(magic)), "")


def _text(content: bytes, file: File) -> str | None:
    """What can be read as text; None: it is none."""
    kind = media_type(file.filename) if file.content_type in ("", _ANYTHING) else file.content_type
    if not _TEXTS.fullmatch(kind):
        return None
    charset = next((name for bom, name in _BOMS if content.startswith(bom)), "utf-8")
    try:
        text = content.decode(charset)
    except UnicodeDecodeError:
        text = content.decode("cp1252", "replace")
    return None if "\0" in text else clean.bare(text)


def _part(text: str, asked: Asked) -> dict[str, Any]:
    end = asked.offset + asked.max_chars
    part, following = text[asked.offset : end], end if end < len(text) else None
    if not asked.fence:
        return {"kind": "text", "text": part, "next_offset": following, "fence": ""}
    within = untrusted.fenced(part)
    return {"kind": "text", "text": within.text, "next_offset": following, "fence": within.word}


TOOL = Tool(
    "attachment_read",
    "Read an attachment",
    f"Read a file that came with an email: texts and calendar invitations as text, PNG, JPEG, GIF and WebP up to"
    f" {mebibytes(limits.MCP_PICTURE_OCTETS)} as pictures, everything else as a link with its path. Nothing is unpacked"
    " or run: do neither unless your user asks for it." + DATA,
    Asked,
    Attached,
    Hints(read_only=True, destructive=False, idempotent=True, open_world=True),
    _read,
    strict=True,
    core=False,
)
