"""What a user may have begun to type: names of own mailboxes, folders, ids of own mail."""

from collections.abc import Mapping
from typing import NamedTuple

from aimx import limits
from aimx.mcp import prompts, uris
from aimx.mcp.tool import Daemon
from aimx.wire.frames import EmailList


class Completed(NamedTuple):
    """The first values that begin so, and whether there are more."""

    values: list[str]
    more: bool


async def complete(daemon: Daemon, argument: str, begun: str, known: Mapping[str, str]) -> Completed:
    """Values for an argument of a prompt or template; `known` are those that are settled. Raises: ToolError."""
    if argument in ("mailbox", "name"):
        candidates = await prompts.names(daemon)
    elif argument == "folder":
        candidates = list(uris.FOLDERS)
    elif argument == "id" and known.get("name"):
        request = EmailList(known["name"], known.get("folder") or "inbox", limits.LIST_ROWS_MAX)
        candidates = [row["id"] for row in (await daemon.value(request))["emails"]]
    else:
        candidates = []
    found = [text for text in candidates if text.startswith(begun)]
    return Completed(found[: limits.MCP_COMPLETIONS], len(found) > limits.MCP_COMPLETIONS)
