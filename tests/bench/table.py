"""The one table of a run: every row that the parts of the bench add, with the machine they were taken on.

On the terminal, as Markdown and as JSON. It never judges: a bound stands beside a figure, and that is all.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

COLUMNS = ("/s", "CPU ms", "p50 ms", "p99 ms", "MB")


class Row(NamedTuple):
    """One thing that was measured; None where that column says nothing about it.

    `rate`: so many per second. `cpu_ms`: CPU time of each, over all processes that serve it. `p50_ms`, `p99_ms`: wall
    time of each; with fewer than a hundred runs the second is the slowest. `mb`: memory. `note`: bounds, and what to
    know.
    """

    area: str
    name: str
    rate: float | None = None
    cpu_ms: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    mb: float | None = None
    note: str = ""

    def cells(self) -> list[str]:
        """The figures as text, a column each."""
        return [_figure(one) for one in (self.rate, self.cpu_ms, self.p50_ms, self.p99_ms, self.mb)]


class Table:
    """Rows in the order of their coming, grouped by area when they are shown."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def add(self, row: Row) -> None:
        """One more."""
        self.rows.append(row)

    def areas(self) -> dict[str, list[Row]]:
        """Rows by area, both in the order of their first coming."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows:
            grouped.setdefault(row.area, []).append(row)
        return grouped

    def text(self, machine: str) -> str:
        """For a terminal."""
        lines = [machine, f"{'':<46}" + "".join(f"{name:>10}" for name in COLUMNS)]
        for area, rows in self.areas().items():
            lines.append(f"\n{area}")
            for row in rows:
                figures = "".join(f"{cell:>10}" for cell in row.cells())
                lines.append(f"  {row.name:<44}{figures}  {row.note}".rstrip())
        return "\n".join(lines)

    def markdown(self, machine: str) -> str:
        """The same for a page."""
        head = ["area", "what", *COLUMNS, "note"]
        lines = [machine, "", _line(head), _line(["---", "---", *["--:"] * len(COLUMNS), "---"])]
        lines += [_line([row.area, row.name, *row.cells(), row.note]) for row in self.rows_by_area()]
        return "\n".join(lines) + "\n"

    def rows_by_area(self) -> list[Row]:
        """All rows, those of an area together."""
        return [row for rows in self.areas().values() for row in rows]

    def value(self, machine: str) -> dict[str, Any]:
        """The same for programs."""
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine,
            "rows": [row._asdict() for row in self.rows_by_area()],
        }

    def write(self, directory: Path, machine: str) -> list[Path]:
        """`figures.md` and `figures.json` below `directory`; where they are."""
        directory.mkdir(parents=True, exist_ok=True)
        page, data = directory / "figures.md", directory / "figures.json"
        page.write_text(self.markdown(machine))
        data.write_text(json.dumps(self.value(machine), indent=1) + "\n")
        return [page, data]


def quantile(values: list[float], share: float) -> float:
    """The value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


TABLE = Table()
