"""The one home of the MCP SDK: what of it is used here. Nothing is decided in it."""

from aimx.mcp import lean

with lean.imports():
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.stdio import stdio_server
    from mcp.shared.exceptions import MCPError

__all__ = ["MCPError", "Server", "stdio_server", "types"]
