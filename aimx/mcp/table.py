"""All tools, in the order in which clients list them: the guide's twelve, then ours."""

from aimx.mcp import attached, conversations, emails, forwarding, hooks, mailboxes, searching, sending, waiting
from aimx.mcp.tool import Tool

TOOLS: tuple[Tool, ...] = (
    *mailboxes.TOOLS,
    emails.LIST,
    emails.READ,
    *sending.TOOLS,
    *emails.MARKS,
    *hooks.TOOLS,
    waiting.TOOL,
    searching.TOOL,
    conversations.TOOL,
    attached.TOOL,
    forwarding.TOOL,
)


def chosen(core: bool) -> dict[str, Tool]:
    """The tools to serve, by name. `core`: only the guide's."""
    return {tool.name: tool for tool in TOOLS if tool.core or not core}
