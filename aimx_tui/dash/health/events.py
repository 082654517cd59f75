"""The event stream as a list: which of it is shown, and one event in full. Pure."""

import json
from collections.abc import Sequence
from typing import Any

from rich.table import Table

from aimx_tui import safe

Told = dict[str, Any]


def chosen(held: Sequence[Told], words: str) -> list[Told]:
    """The newest first; of those whose kind or mailbox holds every word."""
    wanted = words.casefold().split()
    return [told for told in reversed(held) if all(word in _place(told) for word in wanted)]


def newer(held: Sequence[Told], paused: Sequence[Told] | None) -> int | None:
    """How many came since it was paused; None when it is not."""
    if paused is None:
        return None
    last = paused[-1]["cursor"] if paused else None
    after = 0
    for told in reversed(held):
        if told["cursor"] == last:
            break
        after += 1
    return after


def title(count: int, words: str, waiting: int | None) -> str:
    """Above the list."""
    which = f" with {words.strip()}" if words.strip() else ""
    paused = f"  ‖ paused, {waiting} newer" if waiting is not None else ""
    return f"Events{which}: {count}{paused}"


def moment(told: Told) -> str:
    """When, as month, day and time of day."""
    at = str(told.get("at") or "")
    return f"{at[5:10]} {at[11:19]}"


def in_full(told: Told) -> Table:
    """Every field, its cursor too."""
    table = Table.grid(padding=(0, 1))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(ratio=1, overflow="fold")
    for name, value in told.items():
        table.add_row(safe.text(name), safe.text(value if isinstance(value, str) else json.dumps(value)))
    return table


def copyable(told: Told) -> str:
    """As `aimx watch --json` prints it."""
    return json.dumps(told, ensure_ascii=False)


def _place(told: Told) -> str:
    return f"{told.get('type', '')} {told.get('mailbox', '')}".casefold()
