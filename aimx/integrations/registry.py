"""The supported agents, in the order in which they are shown everywhere."""

from typing import NamedTuple


class Agent(NamedTuple):
    """`name` is what the command line takes, `display` what people read."""

    name: str
    display: str


AGENTS = (
    Agent("claude-code", "Claude Code"),
    Agent("codex", "Codex CLI"),
    Agent("opencode", "OpenCode"),
    Agent("gemini", "Gemini CLI"),
    Agent("goose", "Goose"),
    Agent("openclaw", "OpenClaw"),
    Agent("hermes", "Hermes"),
    Agent("nanoclaw", "NanoClaw"),
)
