"""Octets to a tree of entities (RFC 2045-2046, 5322): one pass, iterative, no copies.

Every octet is looked at a bounded number of times: delimiter lines of all open multiparts are found in one scan.
Must never raise and never lose an octet of a leaf: what lies beyond a cap is kept raw as one last leaf.
"""

import re

from aimx import limits
from aimx.mime import structured

# Name, obsolete blanks before the colon, unfolded-as-is value (RFC 5322 sections 2.2 and 4.5). Possessive: linear.
_FIELD = re.compile(rb"([!-9;-~]++)[ \t]*+:([^\n]*+(?:\n[ \t][^\n]*+)*+)(?:\n|\Z)")
_END_OF_HEADERS = re.compile(rb"\r*+(?:\n|\Z)")
# `From alice@example.com Tue Apr 15 …`, never `From :`, which is a field in its obsolete form.
_MBOX_SEPARATOR = re.compile(rb">?From [^\s:]+[ \t]+[A-Z][a-z]{2} [A-Z][a-z]{2} [^\n]*+\n")
_BOUNDARY_CHARACTERS = 1000  # RFC 2046 says 70; longer ones exist and cost nothing

Fields = list[tuple[str, bytes]]


class Entity:
    """One MIME entity: its fields (lower-case names, raw values; of a part the `content-` ones) and its body's span.

    `children` is None for a leaf. `remainder` marks the leaf that holds everything beyond a cap, fields included.
    """

    __slots__ = ("children", "content_type", "end", "fields", "malformed", "parent", "remainder", "start")

    def __init__(self, fields: Fields, start: int, parent: "Entity | None") -> None:
        self.content_type: structured.Typed
        self.fields = fields
        self.start = start
        self.end = start
        self.parent = parent
        self.children: list[Entity] | None = None
        self.malformed = False
        self.remainder = False
        default = "text/plain"
        if parent is not None and parent.content_type[0] == "multipart/digest":
            default = "message/rfc822"  # RFC 2046 section 5.1.5
        self.content_type = structured.content_type(self.field("content-type"), default)

    def field(self, name: str) -> bytes | None:
        """The last value of a field; None when there is none."""
        value = None
        for key, raw in self.fields:
            if key == name:
                value = raw
        return value


class _Parser:
    """The state of one scan."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets
        self.entities: list[Entity] = []
        self.open: list[tuple[Entity, bytes]] = []
        self.levels: dict[bytes, int] = {}
        self.leaf: Entity | None = None

    def run(self) -> list[Entity]:
        octets = self.octets
        start = 0
        separator = _MBOX_SEPARATOR.match(octets)
        if separator is not None:
            start = separator.end()
        position = self._entity(start, None)
        self.entities[0].malformed |= start > 0
        # The delimiter may be the first line of the body: its line feed is the one before.
        position = octets.find(b"\n--", max(position - 1, 0)) if self.open else -1
        while position >= 0:
            end = octets.find(b"\n", position + 1)
            end = len(octets) if end < 0 else end
            level = self._level(octets[position + 1 : end])
            next_position = end
            if level is not None:
                next_position = self._delimiter(level, position, end)
                if next_position < 0:
                    break
            position = octets.find(b"\n--", next_position) if self.open else -1
        if self.leaf is not None:
            self.leaf.end = len(octets)
        for entity, _ in self.open:
            entity.end = len(octets)
        return self.entities

    def _level(self, line: bytes) -> int | None:
        """Which open multipart a `--` line belongs to."""
        if len(line) > _BOUNDARY_CHARACTERS:
            return None
        line = line.rstrip()
        level = self.levels.get(line)
        if level is None and line.endswith(b"--"):
            level = self.levels.get(line[:-2])
            if level is not None:
                return ~level
        return level

    def _delimiter(self, level: int, position: int, end: int) -> int:
        """Act on a delimiter line; the position to go on from, negative to stop."""
        closing = level < 0
        level = ~level if closing else level
        before = position - 1 if self.octets[position - 1 : position] == b"\r" else position
        if self.leaf is not None:
            self.leaf.end = max(before, self.leaf.start)
            self.leaf = None
        self._close(level if closing else level + 1, before)
        if closing:
            return end
        if len(self.entities) >= limits.PARTS:
            self._remainder(position + 1)
            return -1
        # The new entity's first field or blank line may itself be followed at once by a delimiter.
        return max(self._entity(min(end + 1, len(self.octets)), self.open[level][0]) - 1, end)

    def _close(self, level: int, before: int) -> None:
        for entity, _ in self.open[level:]:
            entity.end = max(before, entity.start)
        if level < len(self.open):
            del self.open[level:]
            self.levels = {delimiter: index for index, (_, delimiter) in enumerate(self.open)}

    def _remainder(self, start: int) -> None:
        entity = Entity([], start, None)
        entity.content_type = ("application/octet-stream", {})
        entity.remainder = True
        entity.end = len(self.octets)
        self._close(0, start)
        self.entities.append(entity)

    def _entity(self, start: int, parent: Entity | None) -> int:
        """Read the fields of one entity; the position where its body starts."""
        fields, body, malformed = self._fields(start)
        entity = Entity(fields, body, parent)
        entity.malformed = malformed
        self.entities.append(entity)
        if parent is not None and parent.children is not None:
            parent.children.append(entity)
        if entity.content_type[0].startswith("multipart/"):
            boundary = entity.content_type[1].get("boundary", "")[:_BOUNDARY_CHARACTERS]
            if boundary and len(self.open) < limits.NESTING:
                delimiter = b"--" + boundary.encode("utf-8", "surrogateescape").rstrip()
                entity.children = []
                self.levels[delimiter] = len(self.open)
                self.open.append((entity, delimiter))
                return body
            if parent is not None:  # kept whole, its own fields included
                entity.start = start
        self.leaf = entity
        return body

    def _fields(self, position: int) -> tuple[Fields, int, bool]:
        """The header block from here, where the body starts, and whether a line was neither field nor blank."""
        octets, match_field = self.octets, _FIELD.match
        fields: Fields = []
        overflow = False
        whole = not self.entities  # of a part only its content fields mean anything; the rest would cost memory
        while True:
            if octets[position : position + 2] == b"--" and self.levels:
                end = octets.find(b"\n", position)
                if self._level(octets[position : len(octets) if end < 0 else end]) is not None:
                    return fields, position, overflow
            match = match_field(octets, position)
            if match is None:
                blank = _END_OF_HEADERS.match(octets, position)
                return fields, blank.end() if blank else position, overflow or blank is None
            position = match.end()
            name = match[1].lower()
            if not whole and not name.startswith(b"content-"):
                continue
            if len(fields) >= limits.HEADER_FIELDS:
                overflow = True  # what is skipped may be a second From
                continue
            fields.append((name.decode("ascii"), match[2]))


def entities(octets: bytes) -> list[Entity]:
    """All entities of a message, parents before children, in order; the first is the message itself."""
    return _Parser(octets).run()
