"""Request frames of AIMX/1 and the one table that says how each is written."""

from typing import Literal, NamedTuple

import msgspec


class Version(msgspec.Struct, frozen=True):
    """Ask for the daemon's build metadata. Anybody may."""


class Ingest(msgspec.Struct, frozen=True):
    """Deliver a raw message for `rcpt` as if it had arrived by SMTP. Extension, root only."""

    rcpt: str
    body: bytes


Request = Version | Ingest


class Header(NamedTuple):
    """A known header of a verb: its name on the wire, the frame's attribute, whether it must be there."""

    name: str
    attribute: str
    required: bool


class Shape(NamedTuple):
    """How one verb is framed. `body` names the attribute that takes the octets after the blank line.

    A `bare` verb takes no header at all; the others ignore headers they do not know (U2).
    """

    verb: str
    frame: type[Request]
    headers: tuple[Header, ...] = ()
    body: str | None = None
    bare: bool = False


SHAPES: tuple[Shape, ...] = (
    Shape("VERSION", Version, bare=True),
    Shape("INGEST", Ingest, (Header("Rcpt", "rcpt", True),), body="body"),
)
BY_VERB = {shape.verb: shape for shape in SHAPES}
BY_FRAME = {shape.frame: shape for shape in SHAPES}

Kind = Literal["ok", "json", "error"]


class Response(msgspec.Struct, frozen=True):
    """One answer: `ok` with a note (a message-id, may be empty), `json` with a body, `error` with code and reason."""

    kind: Kind
    note: str = ""
    body: bytes = b""
    code: str = ""
    reason: str = ""
