"""What is chosen and where the cursor is: a value that each key changes into another. Draws nothing."""

from typing import NamedTuple

from aimx.integrations.api import Seen


class Choice(NamedTuple):
    """The rows as found, the names that are ticked, and the row of the cursor."""

    rows: tuple[Seen, ...]
    ticked: frozenset[str]
    cursor: int

    def moved(self, by: int) -> "Choice":
        """The cursor on the next row, or the one before, that may be ticked; round and round."""
        at = self.cursor
        for _ in self.rows:
            at = (at + by) % len(self.rows)
            if selectable(self.rows[at]):
                return self._replace(cursor=at)
        return self

    def ended(self, last: bool) -> "Choice":
        """The cursor on the first, or the last, row that may be ticked."""
        at = max if last else min
        return self._replace(cursor=at(number for number, row in enumerate(self.rows) if selectable(row)))

    def toggled(self) -> "Choice":
        """The row of the cursor ticked, or not any more."""
        return self._replace(ticked=self.ticked ^ {self.rows[self.cursor].agent.name})

    def all_toggled(self) -> "Choice":
        """Everything ticked that may be; nothing, if it was."""
        everything = frozenset(row.agent.name for row in self.rows if selectable(row))
        return self._replace(ticked=frozenset() if self.ticked == everything else everything)

    def chosen(self) -> tuple[Seen, ...]:
        """The ticked rows, in their order."""
        return tuple(row for row in self.rows if row.agent.name in self.ticked)


def selectable(row: Seen) -> bool:
    """Whether the agent is on this machine."""
    return row.state != "not-detected"


def begin(rows: tuple[Seen, ...]) -> Choice | None:
    """Installed and not wired is ticked beforehand (guide); None when there is nothing to choose."""
    found = [number for number, row in enumerate(rows) if selectable(row)]
    if not found:
        return None
    return Choice(rows, frozenset(row.agent.name for row in rows if row.state == "installed"), found[0])


def task(row: Seen) -> str:
    """What will be done, with the right verb (guide)."""
    if row.state == "installed":
        return f"Install AIMX MCP for {row.agent.display}"
    return f"Re-install AIMX MCP for {row.agent.display} (refresh files)"
