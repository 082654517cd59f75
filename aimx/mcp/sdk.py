"""The one home of the MCP SDK: what of it is used here. Nothing is decided in it."""

from aimx.mcp import lean

with lean.imports():
    import mcp_types as types
    from mcp.server.lowlevel import Server
    from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ResourcesListChanged, ResourceUpdated
    from mcp.shared.exceptions import MCPError
    from mcp.shared.message import SessionMessage

__all__ = [
    "InMemorySubscriptionBus",
    "ListenHandler",
    "MCPError",
    "ResourceUpdated",
    "ResourcesListChanged",
    "Server",
    "SessionMessage",
    "types",
]
