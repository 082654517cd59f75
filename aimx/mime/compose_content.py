"""What a submission says below its header block: one text, perhaps its own HTML, and files.

The first text region is the text. HTML beside it in a multipart/alternative, and HTML without any text, is the
author's own, as if it had come as HTML body. All other leaves are files; must never lose one.
"""

import re
from typing import NamedTuple

from aimx import limits
from aimx.mime import attachments, body, parts, structured, text, words, write
from aimx.mime.parse import Entity, entities
from aimx.model.message import Attachment

_ALTERNATIVE = "multipart/alternative"
_MARKDOWN = frozenset(("text/markdown", "text/x-markdown"))
_CONTENT_ID = re.compile(r"\s*<([^<>\s]+)>\s*\Z")
_OURS = frozenset(("name", "boundary"))
_PARAMETERS = 20  # of one attachment; more than two are rare


class Content(NamedTuple):
    """The text with LF line ends, its HTML if there is any, and the files, as parts and for the record."""

    text: str
    html: str | None
    files: tuple[parts.Part, ...]
    attachments: tuple[Attachment, ...]


def content(message: bytes) -> Content:
    """Take a submission apart. Raises: Refused for a file name that cannot be written."""
    tree = entities(message)
    shown, attached = body.select(message, tree)
    main = shown[0] if shown else next((leaf for leaf in attached if _reads_as_text(leaf)), None)
    own_html = _own_html(tree, main)
    order = {entity: index for index, entity in enumerate(tree)}
    files = sorted({*attached, *shown} - {main, own_html}, key=order.__getitem__)
    stored = attachments.collect(message, tuple(files))
    sent = tuple(parts.file(_fields(leaf), one.content) for leaf, one in zip(files, stored, strict=True))
    html = body.source(message, own_html) if own_html is not None else None
    return Content(_text(message, main), html, sent, stored)


def _reads_as_text(leaf: Entity) -> bool:
    """Text that a reader keeps as a file, such as text/markdown, and that nobody called one."""
    disposition, parameters = structured.disposition(leaf.field("content-disposition"))
    named = "filename" in parameters or "name" in leaf.content_type[1]
    return leaf.content_type[0] in _MARKDOWN and disposition != "attachment" and not named and not leaf.remainder


def _own_html(tree: list[Entity], main: Entity | None) -> Entity | None:
    """The HTML form of the text."""
    if main is None or main.content_type[0] == "text/html":
        return main
    around = _ancestors(main)
    alternative = next((entity for entity in around if entity.content_type[0] == _ALTERNATIVE), None)
    if alternative is None:
        return None
    for entity in tree:
        if entity.content_type[0] == "text/html" and not entity.children and alternative in _ancestors(entity):
            disposition, parameters = structured.disposition(entity.field("content-disposition"))
            if disposition != "attachment" and "filename" not in parameters:
                return entity
    return None


def _ancestors(entity: Entity) -> list[Entity]:
    """The multiparts around it, innermost first."""
    found = []
    parent = entity.parent
    while parent is not None:
        found.append(parent)
        parent = parent.parent
    return found


def _text(message: bytes, leaf: Entity | None) -> str:
    if leaf is None:
        return ""
    source = body.source(message, leaf)
    media_type, parameters = leaf.content_type
    if media_type == "text/html":
        return text.from_html(source)
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    if parameters.get("format", "").lower() == "flowed" and len(source) <= limits.FLOWED_CHARACTERS:
        return body.unflowed(source, parameters.get("delsp", "").lower() == "yes")
    return source


def _fields(leaf: Entity) -> parts.FileFields:
    """What the submission says about a file, in so far as it can be said again."""
    media_type, parameters = leaf.content_type
    disposition, typed = leaf.field("content-disposition") or b"", leaf.field("content-type") or b""
    name = structured.disposition(disposition)[1].get("filename") or parameters.get("name", "")
    # An encoded word is illegal there and common. What RFC 2231 encodes is a name that only looks like one.
    name = words.decode(name) if b"=?" in disposition + typed else structured.latin(name)
    kept = [(key, value) for key, value in parameters.items() if key not in _OURS]
    found = _CONTENT_ID.match(structured.text(leaf.field("content-id") or b""))
    content_id = found[1] if found and write.is_msg_id(found[1]) else ""
    return parts.FileFields(media_type, name, tuple(kept[:_PARAMETERS]), content_id)
