"""What `aimx agents` says: the table of agents, and the notes of one that is wired."""

from pathlib import Path

from aimx.cli import diagnostics, output, prompt
from aimx.cli import table as tables
from aimx.cli.style import Mark, Style
from aimx.integrations.api import Note, Outcome, Seen, State
from aimx.integrations.registry import Activation

_STATES: dict[State, str] = {
    "wired": "wired",
    "stale": "wired, of another version",
    "installed": "installed",
    "not-detected": "not detected",
}
_MARKS: dict[str, Mark] = {"ok": "ok", "warn": "warn", "hint": "arrow"}
_COLUMNS = (
    tables.Column("AGENT"),
    tables.Column("STATE"),
    tables.Column("DESTINATION"),
    tables.Column("ACTIVATION", wide=True),
)


def table(seen: tuple[Seen, ...]) -> str:
    """The registry and the state of each agent."""
    rows = [
        (one.agent.name, _STATES[one.state], str(one.destination), _activation(one.agent.activation)) for one in seen
    ]
    return "\n".join(tables.lines(_COLUMNS, rows, tables.terminal_width()))


def summary(outcomes: tuple[Outcome, ...]) -> str:
    """What became of each."""
    style = Style()
    rows = [
        (
            outcome.agent.display,
            f"{style.mark('ok')} ok" if outcome.error is None else f"{style.mark('fail')} failed",
            diagnostics.visible(str(outcome.destination) if outcome.error is None else f"(error: {outcome.error})"),
        )
        for outcome in outcomes
    ]
    return "\n".join(f"  {agent:<12} {status}  {destination}" for agent, status, destination in rows)


def _activation(activation: Activation) -> str:
    match activation.kind:
        case "command":
            return f"registered by `{activation.program} mcp add`"
        case "printed":
            return f"run the printed `{activation.program} mcp set`"
        case "merge":
            return f"merged into {activation.file}"
        case "snippet":
            return f"add the printed block to {activation.file}"
    return activation.after


class Sayer:
    """Notes on standard output, and the one question."""

    def __init__(self) -> None:
        self._style = Style()

    def tell(self, note: Note) -> None:
        """One note."""
        mark = _MARKS.get(note.kind)
        lead = f"{self._style.mark(mark)} " if mark is not None else ""
        text = diagnostics.visible(note.text)
        output.write(f"{lead}{text}" if note.kind != "block" else f"\n{text}\n")

    def overwrite(self, paths: tuple[Path, ...]) -> bool:
        """Whether files that are there may be overwritten."""
        diagnostics.say("These files are there already, with another text:")
        for path in paths:
            diagnostics.say(f"  {path}")
        return prompt.confirm("Overwrite?", yes=False)
