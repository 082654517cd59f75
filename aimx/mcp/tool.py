"""Seam: a tool as one row of a table: how it is described, what it takes and gives, and what it does.

Arguments and results are msgspec structs: their schema is what clients are told, and what calls are checked against.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from aimx.wire.frames import Request, Response


class Daemon(Protocol):
    """The daemon as tools see it. Every call can be cancelled."""

    async def ask(self, request: Request, timeout_s: float | None = None) -> Response:
        """One request and its answer, refusals included. Raises: DaemonUnavailable, WireError."""

    async def value(self, request: Request) -> Any:
        """The JSON of a successful answer. Raises: ToolError with the daemon's code and reason; as `ask`."""

    def lines(self, request: Request) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of a stream, until the daemon ends it. Raises: as `value`."""

    async def done(self, request: Request) -> None:
        """Have it done. Raises: as `value`."""


class Call(NamedTuple):
    """What a tool may use. `progress(done, total, message)` reaches clients that asked for it."""

    daemon: Daemon
    progress: Callable[[float, float | None, str], Awaitable[None]]


class Picture(NamedTuple):
    """Content that is a picture, in base64."""

    data: str
    media_type: str


class Link(NamedTuple):
    """Content that is a file somewhere. `size` in octets."""

    uri: str
    name: str
    media_type: str
    size: int


class Told(NamedTuple):
    """A result: `text` is the documented shape, `structured` the same as an object, `more` other content."""

    text: str
    structured: dict[str, Any]
    more: tuple[Picture | Link, ...] = ()


ABSENT = "aimx daemon not running. Start with 'sudo systemctl start aimx'"


class ToolError(Exception):
    """The tool did not do it; the text is for the agent and says what and why. `code`: the daemon's, if it refused."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Hints(NamedTuple):
    """What a client may assume of a tool (MCP annotations)."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


class Tool(NamedTuple):
    """One tool. `strict`: an argument that it does not know is an error. `core`: one of the guide's twelve.

    `absent`: what is said when no daemon answers, if that is not what all others say.
    """

    name: str
    title: str
    description: str
    arguments: type[msgspec.Struct]
    result: type[msgspec.Struct]
    hints: Hints
    run: Callable[[Call, Any], Awaitable[Told]]
    strict: bool = False
    core: bool = True
    absent: str = ""


def rows(found: list[Any], **more: Any) -> Told:
    """A list: a bare JSON array as text, `{"result": […]}` and more for programs, because that has to be an object."""
    return Told(msgspec.json.encode(found).decode(), {"result": found, **more})


def line(text: str, /, **fields: Any) -> Told:
    """A sentence, and what is in it by name."""
    return Told(text, fields)
