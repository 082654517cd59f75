"""An agent: the SDK's own client against our server, in both eras; every answer is checked against the schemas."""

import json
import zlib
from typing import Any, NamedTuple

import jsonschema
import mcp_types as types
import trio
from mcp import Client, MCPError

from aimx.mcp import server
from aimx.mcp.daemon import SocketDaemon

ERAS = {"legacy": "legacy", "modern": "2026-07-28"}


class Told(NamedTuple):
    """A tool's answer: its one text, the object, and whether it is an error."""

    text: str
    structured: Any
    failed: bool

    @property
    def rows(self) -> Any:
        """The array that the text is."""
        return json.loads(self.text)


class Refusal(NamedTuple):
    """A protocol error."""

    code: int
    message: str


class Agent:
    """Each call is a session of its own, over the transport of that era."""

    def __init__(self, era: str, core: bool = False) -> None:
        self.era = era
        self._core = core
        self._schemas: dict[str, Any] = {}

    def __call__(self, tool: str, /, **arguments: Any) -> Told:
        """Call a tool; its answer fits its schema."""
        told, more = self.whole(tool, **arguments)
        assert more == []
        return told

    def whole(self, tool: str, /, **arguments: Any) -> tuple[Told, list[Any]]:
        """Call a tool; its answer, and what content there is beside the text."""
        told = trio.run(self._call, tool, arguments)
        assert isinstance(told, types.CallToolResult), told
        return checked(told, self._schemas[tool]), list(told.content[1:])

    def refusal(self, tool: str, /, **arguments: Any) -> Refusal:
        """Call a tool in a way that is a protocol error."""
        told = trio.run(self._call, tool, arguments)
        assert isinstance(told, Refusal), told
        return told

    def tools(self) -> dict[str, Any]:
        """tools/list, by name."""
        return trio.run(self._tools)

    def client(self) -> Client:
        """A connection that is not open yet."""
        return Client(server.server(self._core, SocketDaemon()), mode=ERAS[self.era])

    async def _call(self, tool: str, arguments: dict[str, Any]) -> types.CallToolResult | Refusal:
        async with self.client() as client:
            self._schemas = {one.name: one.output_schema for one in (await client.list_tools()).tools}
            try:
                return await client.call_tool(tool, arguments)
            except MCPError as error:
                return Refusal(error.error.code, error.error.message)

    async def _tools(self) -> dict[str, Any]:
        async with self.client() as client:
            return {tool.name: tool for tool in (await client.list_tools()).tools}


def alternating(name: str) -> Agent:
    """An agent of one of the eras: of a table about half in each. Sessions of all tools are on file in both."""
    return Agent(sorted(ERAS)[zlib.crc32(name.encode()) % len(ERAS)])


def checked(result: Any, schema: Any) -> Told:
    """A result that keeps the rules of all tools."""
    kinds = [block.type for block in result.content]
    assert kinds[0] == "text"
    assert set(kinds[1:]) <= {"image", "resource_link"}
    text = result.content[0].text
    if result.is_error:
        assert result.structured_content is None
        assert text
        assert "Traceback" not in text
        return Told(text, None, True)
    jsonschema.validate(result.structured_content, schema)
    return Told(text, result.structured_content, False)
