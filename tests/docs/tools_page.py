"""book/mcp-tools.md: every MCP tool with its parameters and results, made from the table that serves them."""

from typing import Any

from aimx.mcp import schema, table
from aimx.mcp.tool import Tool

HEAD = """\
# Every MCP tool

Made from the table that `aimx mcp` serves. What the tools are for and how they answer: [MCP server](mcp.md). What is
not required may be left out; `null` is the same as leaving it out.
"""
_HINTS = (("read_only", "reads only"), ("destructive", "destructive"), ("idempotent", "may be repeated"),
          ("open_world", "meets the outside world"))  # fmt: skip


def page() -> str:
    """The whole page."""
    core = [tool for tool in table.TOOLS if tool.core]
    more = [tool for tool in table.TOOLS if not tool.core]
    parts = [HEAD, "## The core\n", *map(_section, core)]
    if more:
        parts += ["## More\n\nNot served with `--tools core`.\n", *map(_section, more)]
    return "\n".join(parts).rstrip("\n") + "\n"


def _section(tool: Tool) -> str:
    takes, gives = schema.of(tool.arguments, tool.strict), schema.of(tool.result)
    hints = ", ".join(text for name, text in _HINTS if getattr(tool.hints, name))
    lines = [f"### `{tool.name}`", "", tool.description, ""]
    lines += [f"Hints: {hints}." if hints else "Hints: none.", ""]
    if takes["properties"]:
        required = takes.get("required", [])
        lines += ["| parameter | type | default | meaning |", "|---|---|---|---|"]
        for name, what in takes["properties"].items():
            lines.append(f"| `{name}` | {kind(what)} | {_default(name, what, required)} | {_cell(what)} |")
        lines.append("")
    if tool.strict:
        lines += ["Any other parameter is refused.", ""]
    lines += [f"Gives {', '.join(f'`{name}`' for name in gives['properties'])}.", ""]
    return "\n".join(lines)


def kind(what: dict[str, Any]) -> str:
    kinds = [kind(one) for one in what.get("anyOf", [])] or [what.get("type", "any")]
    if kinds == ["array"]:
        return f"array of {what['items'].get('type', 'any')}s"
    return " or ".join(kinds)


def _default(name: str, what: dict[str, Any], required: list[str]) -> str:
    if name in required:
        return "required"
    return f"`{_json(what['default'])}`" if "default" in what else ""


def _json(value: object) -> str:
    import json

    return json.dumps(value)


def _cell(what: dict[str, Any]) -> str:
    return str(what.get("description", "")).replace("|", "\\|").replace("<", "&lt;")
