"""Which parts of a message are its text, and that text (R6).

All text/plain parts in order; HTML only where there is no plain alternative. Must never lose a text part that is
not merely another rendering of one that is shown.
"""

import re
from typing import NamedTuple

from aimx import limits
from aimx.mime import charset, clean, structured, text, transfer
from aimx.mime.parse import Entity

_SIGNATURE = "-- "  # RFC 3676 section 4.3
_INK = re.compile(rb"\S")
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset=[\"']?([A-Za-z0-9_:.-]{1,40})", re.IGNORECASE)
_META_OCTETS = 2048  # where HTML looks for it


class Selection(NamedTuple):
    """The leaves that make the body, in order, and all other leaves."""

    shown: tuple[Entity, ...]
    attached: tuple[Entity, ...]


def select(octets: bytes, entities: list[Entity]) -> Selection:
    """Split the leaves of a message (parents come before children in `entities`)."""
    texts: dict[Entity, list[Entity]] = {}
    ink = _Ink(octets)
    attached = []
    for entity in entities:
        if not entity.children:
            if _is_text(entity):
                texts[entity] = [entity]
            else:
                attached.append(entity)
    for entity in reversed(entities):
        if entity.children:
            texts[entity] = _joined(ink, entity, [texts[child] for child in entity.children if child in texts])
    shown = tuple(texts.get(entities[0], ()))
    return Selection(shown, tuple(attached))


class _Ink:
    """Which leaves hold more than blanks; each is looked at once, however many alternatives are around it."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._known: dict[Entity, bool] = {}

    def on(self, leaf: Entity) -> bool:
        if leaf not in self._known:
            self._known[leaf] = _INK.search(self._octets, leaf.start, leaf.end) is not None
        return self._known[leaf]


def _joined(ink: _Ink, parent: Entity, children: list[list[Entity]]) -> list[Entity]:
    if parent.content_type[0] != "multipart/alternative":
        return [leaf for leaves in children for leaf in leaves]
    # An alternative is one text in several forms: the first plain one that is not empty, else the richest (last).
    with_ink = [leaves for leaves in children if any(map(ink.on, leaves))]
    for leaves in with_ink:
        if any(leaf.content_type[0] != "text/html" for leaf in leaves):
            return leaves
    return (with_ink or children or [[]])[-1]


def _is_text(entity: Entity) -> bool:
    """Body text: plain or HTML, neither named nor declared an attachment."""
    media_type, parameters = entity.content_type
    if entity.remainder:
        return False
    if media_type.startswith("multipart/"):  # no usable boundary, or no part behind it: the raw body is all there is
        return entity.parent is None or entity.children is not None
    if media_type not in ("text/plain", "text/html") or "name" in parameters:
        return False
    word, parameters = structured.disposition(entity.field("content-disposition"))
    return word != "attachment" and "filename" not in parameters


def decoded(octets: bytes, entity: Entity) -> bytes:
    """A leaf's content behind its transfer encoding. Multiparts and remainders are kept as they are."""
    content = octets[entity.start : entity.end]
    if entity.remainder or entity.content_type[0].startswith("multipart/"):
        return content
    encoding = entity.field("content-transfer-encoding")
    if encoding is None:
        return content
    return transfer.decode(content, structured.without_comments(structured.text(encoding)).strip().lower())


def render(octets: bytes, shown: tuple[Entity, ...]) -> tuple[str, tuple[Entity, ...]]:
    """The body text with LF line ends, and the leaves of which only a part is in it.

    All HTML of a message shares one bound: a thousand parts must not cost a thousand times as much as one.
    """
    pieces, shortened = [], []
    html_room = limits.HTML_OCTETS
    for leaf in shown:
        content = source(octets, leaf)
        if leaf.content_type[0] == "text/html":
            if len(content) > html_room:
                shortened.append(leaf)
            piece = clean.body(text.from_html(content, html_room))
            html_room = max(html_room - len(content), 0)
        else:
            piece = _plain(content, leaf)
        if len(shown) > 1:
            piece = piece.strip("\n")
            if not piece.strip():
                continue
        pieces.append(piece)
    return "\n\n".join(pieces), tuple(shortened)


def source(octets: bytes, leaf: Entity) -> str:
    """The decoded text of a leaf; HTML may name its charset itself."""
    content = decoded(octets, leaf)
    label = leaf.content_type[1].get("charset")
    if label is None and leaf.content_type[0] == "text/html":
        meta = _META_CHARSET.search(content[:_META_OCTETS])
        label = meta[1].decode("ascii") if meta else None
    return charset.decode(content, label).removeprefix("\ufeff")


def _plain(content: str, leaf: Entity) -> str:
    content = clean.body(content)
    parameters = leaf.content_type[1]
    if parameters.get("format", "").lower() == "flowed" and len(content) <= limits.FLOWED_CHARACTERS:
        return unflowed(content, parameters.get("delsp", "").lower() == "yes")
    return content


def unflowed(source: str, delsp: bool) -> str:
    """format=flowed text with its paragraphs joined (RFC 3676 section 4): soft breaks, stuffing, quote depth."""
    lines: list[str] = []
    flowing: list[str] = []
    depth_before = 0
    for line in source.split("\n"):
        bare = line.lstrip(">")
        depth = len(line) - len(bare)
        if bare.startswith(" "):
            bare = bare[1:]
        if flowing and (depth != depth_before or bare == _SIGNATURE):
            lines.append(_quoted("".join(flowing), depth_before))
            flowing = []
        depth_before = depth
        if bare.endswith(" ") and bare != _SIGNATURE:
            flowing.append(bare[:-1] if delsp else bare)
            continue
        lines.append(_quoted("".join([*flowing, bare]), depth))
        flowing = []
    if flowing:
        lines.append(_quoted("".join(flowing), depth_before))
    return "\n".join(lines)


def _quoted(line: str, depth: int) -> str:
    return f"{'>' * depth} {line}" if depth else line
