"""Goose's recipe (its format 1.0.0): one YAML file with the goal, the prompt and the server. Computes only."""

from aimx import limits
from aimx.integrations.api import Program
from aimx.integrations.snippets import NAME, yaml_scalar


def text(prompt: str, program: Program, mark: str) -> str:
    """The recipe.

    Args:
        prompt: Markdown; it becomes a literal block.
        mark: the stamp, a line of its own.
    """
    lines = [
        f"# {mark}",
        'version: "1.0.0"',
        "title: aimx email",
        "description: Read, send, reply to and act on the email of this machine's mailboxes",
        "extensions:",
        "  - type: stdio",
        f"    name: {NAME}",
        f"    cmd: {yaml_scalar(program.path)}",
        "    args:",
        *(f"      - {yaml_scalar(word)}" for word in program.args()),
        f"    timeout: {limits.GOOSE_TIMEOUT_S}",
        "    description: Email of this machine's mailboxes",
        "prompt: |",
        *(f"  {line}" if line else "" for line in prompt.rstrip("\n").split("\n")),
    ]
    return "\n".join(lines) + "\n"
