"""The six steps of setup and the checklist that is always in view. Values only: draws nothing, does nothing."""

from typing import Literal, NamedTuple

State = Literal["pending", "progress", "done", "skipped", "handoff", "failed"]
Key = Literal["preflight", "domain", "certificate", "trust", "install", "agents"]
SYMBOLS: dict[State, tuple[str, str]] = {
    "pending": ("☐", "[ ]"),
    "progress": ("◐", "[~]"),
    "done": ("☑", "[x]"),
    "skipped": ("☒", "[-]"),
    "handoff": ("⎘", "[*]"),
    "failed": ("✗", "[!]"),
}


class Step(NamedTuple):
    """One line of the checklist. `number` is 1-based."""

    number: int
    key: Key
    title: str


STEPS = (
    Step(1, "preflight", "Preflight checks on port 25"),
    Step(2, "domain", "Set up domain and DNS"),
    Step(3, "certificate", "Set up TLS certificate"),
    Step(4, "trust", "Set up trust policy"),
    Step(5, "install", "Install AIMX"),
    Step(6, "agents", "Set up MCP for agent(s)"),
)


def step(key: Key) -> Step:
    """The step of that name."""
    return next(found for found in STEPS if found.key == key)


class Line(NamedTuple):
    """A step and how far it is. `reason`: why it was skipped, or what failed."""

    step: Step
    state: State = "pending"
    reason: str = ""


class Checklist(NamedTuple):
    """All six, in order."""

    lines: tuple[Line, ...] = tuple(map(Line, STEPS))

    def moved(self, key: Key, state: State, reason: str = "") -> "Checklist":
        """The checklist with one line changed."""
        return Checklist(tuple(Line(line.step, state, reason) if line.step.key == key else line for line in self.lines))

    def line(self, key: Key) -> Line:
        """The line of a step."""
        return next(line for line in self.lines if line.step.key == key)
