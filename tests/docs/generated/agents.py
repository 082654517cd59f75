"""book/agent-entries.md: what each agent's configuration gets, made by what writes and prints it."""

from pathlib import Path

from aimx.integrations import register, registry, snippets
from aimx.integrations.api import Program
from aimx.integrations.registry import Agent
from tests.docs.generated.markup import cell, document

HEAD = """\
# Every agent's entry

Made by the code that `aimx agents setup` runs, for a program at `/usr/local/bin/aimx`; yours may be elsewhere, and then
that path is written. What setup does and when: [Agents](agents.md).
"""
PROGRAM, ELSEWHERE = Program("/usr/local/bin/aimx", None), Program("/usr/local/bin/aimx", Path("/custom/path"))
_LANGUAGES = {"mcp_servers": "yaml"}


def page() -> str:
    """The whole page."""
    return document(HEAD, *map(_section, registry.agents()))


def _section(agent: Agent) -> list[str]:
    files, activation = agent.files, agent.activation
    references = "beside it" if files.references == "beside" else "in the same file"
    what = "A recipe" if files.shape == "recipe" else "A skill"
    lines = [
        f"## {agent.display}",
        "",
        f"`{agent.name}`. {what} goes to `{files.destination}`, its references {references}."
        f" It counts as installed where `{files.detected}` is.",
        "",
    ]
    if activation.kind == "none":
        lines += ["The recipe starts the server by itself.", ""]
    elif activation.kind in ("command", "printed"):
        who = "Setup runs" if activation.kind == "command" else "You run"
        lines += [
            f"{who}:",
            "",
            "```text",
            *(register.command(activation, program) for program in (PROGRAM, ELSEWHERE)),
            "```",
            "",
        ]
        lines += ["The second line is with `--data-dir /custom/path`.", ""]
    else:
        who = "Setup writes" if activation.kind == "merge" else "You add"
        language = _LANGUAGES.get(activation.format, "json")
        block = snippets.entry(activation, PROGRAM).split("\n")
        lines += [f"{who} to `{activation.file}`:", "", f"```{language}", *block, "```", ""]
        lines += ["With `--data-dir /custom/path` that stands before `mcp`.", ""]
    after = activation.after.removeprefix("Then ")
    return [*lines, f"Afterwards: {cell(after[:1].lower() + after[1:])}", ""]
